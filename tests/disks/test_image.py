"""What a disk may hold after a cut: what was synced, always; of the rest, what the style keeps."""

from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.disks.image import STYLES, Image, Style, Tree
from tests.disks.recording import Record

OLD = b"old " * 300
NEW = b"NEW!" * 300


class Deeds:
    """What a process does, told to an image."""

    def __init__(self, tree: Tree | None = None) -> None:
        given = tree or Tree({"file": OLD})
        paths = ("", *given.folders, *given.files)
        self._inodes = {path: n for n, path in enumerate(paths, 1)}
        self._fresh = count(len(paths) + 1)
        self._tokens = count(1)
        self.image = Image(given, dict(self._inodes))

    def make(self, path: str, kind: str = "c") -> None:
        self._inodes[path] = next(self._fresh)
        self._do(kind, path, first=path.encode())

    def write(self, path: str, data: bytes, offset: int = 0) -> None:
        self._do("w", path, offset=offset, first=data)

    def resize(self, path: str, length: int) -> None:
        self._do("t", path, offset=length)

    def rename(self, old: str, new: str) -> None:
        self._do("r", old, first=old.encode(), second=new.encode())
        self._inodes[new] = self._inodes.pop(old)

    def unlink(self, path: str) -> None:
        self._do("u", path, first=path.encode())

    def begin_sync(self, path: str) -> int:
        token = next(self._tokens)
        self._do("b", path, token=token)
        return token

    def sync(self, path: str) -> None:
        self.end_sync(path, self.begin_sync(path))

    def end_sync(self, path: str, token: int) -> None:
        self._do("e", path, token=token)

    def left(self, style: Style = "nothing", seed: int = 0) -> dict[str, bytes]:
        return dict(self.image.cut(style, Random(seed)).tree.files)

    def _do(
        self, kind: str, path: str, *, offset: int = 0, token: int = 0, first: bytes = b"", second: bytes = b""
    ) -> None:
        self.image.take(Record(kind, self._inodes[path], offset, token, first, second))


def test_a_write_is_durable_once_a_sync_that_began_after_it_has_ended() -> None:
    deeds = Deeds()
    early = deeds.begin_sync("file")
    deeds.write("file", NEW)
    deeds.end_sync("file", early)
    assert deeds.left() == {"file": OLD}, "that sync began before the write"
    late = deeds.begin_sync("file")
    assert deeds.left() == {"file": OLD}, "nobody was told that it has ended"
    deeds.end_sync("file", late)
    assert deeds.left() == {"file": NEW}


def test_a_new_file_needs_its_own_sync_and_its_folders() -> None:
    deeds = Deeds(Tree())
    deeds.make("folder", "m")
    deeds.make("folder/new")
    deeds.write("folder/new", NEW)
    deeds.sync("folder/new")
    deeds.sync("folder")
    assert deeds.left() == {}, "its folder has no name yet"
    deeds.sync("")
    assert deeds.left() == {"folder/new": NEW}


def test_a_name_without_the_files_sync_leads_to_an_empty_file() -> None:
    deeds = Deeds(Tree())
    deeds.make("new")
    deeds.write("new", NEW)
    deeds.sync("")
    assert deeds.left() == {"new": b""}
    assert deeds.left("everything") == {"new": NEW}


def test_a_rename_without_a_sync_of_its_folder_may_be_forgotten_whole() -> None:
    deeds = Deeds()
    deeds.make("draft")
    deeds.write("draft", NEW)
    deeds.sync("draft")
    deeds.rename("draft", "file")
    assert deeds.left() == {"file": OLD}
    left = [deeds.left("sectors", seed) for seed in range(40)]
    assert {each["file"] for each in left} == {OLD, NEW}, "the old one or the new one"
    deeds.sync("")
    assert deeds.left() == {"file": NEW}


def test_what_was_deleted_may_be_back() -> None:
    deeds = Deeds()
    deeds.unlink("file")
    assert (deeds.left(), deeds.left("everything")) == ({"file": OLD}, {})
    deeds.sync("")
    assert deeds.left() == {}


def test_sectors_are_torn_apart_and_never_within() -> None:
    deeds = Deeds(Tree({"file": bytes(8192)}))
    deeds.write("file", b"1" * 8192)
    deeds.write("file", b"2" * 8192)
    kinds = set()
    for seed in range(60):
        content = deeds.left("sectors", seed)["file"]
        sectors = [set(content[at : at + 512]) for at in range(0, 8192, 512)]
        assert all(len(sector) == 1 for sector in sectors)
        kinds.add(len(set(map(frozenset, sectors))))
    assert max(kinds) == 3, "some cuts leave all three generations beside each other"


def test_what_came_first_is_kept_first() -> None:
    deeds = Deeds(Tree({"file": b""}))
    for n in range(10):
        deeds.write("file", bytes([n]), n)
    left = {deeds.left("prefix", seed)["file"] for seed in range(200)}
    assert left == {bytes(range(n)) for n in range(11)}


def test_a_length_that_is_forgotten_hides_what_was_written_after_it() -> None:
    deeds = Deeds()
    deeds.resize("file", 0)
    deeds.write("file", b"short")
    assert {deeds.left("sectors", seed)["file"] for seed in range(60)} == {OLD, b"", b"short"}


@pytest.mark.parametrize("style", STYLES)
def test_what_is_counted_as_forgotten_is_missing(style: Style) -> None:
    deeds = Deeds()
    deeds.write("file", NEW)
    for seed in range(30):
        cut = deeds.image.cut(style, Random(seed))
        assert cut.pending == 1
        assert cut.forgotten == (cut.tree.files["file"] != NEW)


DEEDS = st.lists(
    st.tuples(st.sampled_from("wts"), st.integers(0, 3), st.integers(0, 1400), st.binary(min_size=1, max_size=900)),
    max_size=12,
)


@settings(max_examples=60)
@given(deeds=DEEDS, style=st.sampled_from(STYLES), seed=st.integers(0, 99))
def test_after_a_sync_of_everything_no_cut_takes_anything(
    deeds: list[tuple[str, int, int, bytes]], style: Style, seed: int
) -> None:
    names = [f"file-{n}" for n in range(4)]
    there = Deeds(Tree(dict.fromkeys(names, OLD)))
    truth = {name: bytearray(OLD) for name in names}
    for kind, n, offset, data in deeds:
        content = truth[names[n]]
        if kind == "w":
            there.write(names[n], data, offset)
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        elif kind == "t":
            there.resize(names[n], offset)
            content[:] = content[:offset].ljust(offset, b"\0")
        else:
            there.sync(names[n])
    assert there.left("everything") == truth
    for name in names:
        there.sync(name)
    assert there.left(style, seed) == truth
