"""What a disk may hold after the power was cut: all that was synced, and of the rest whatever the draw keeps.

Pure: no files are touched. A drive writes sectors whole, in any order; a sector holds what some moment had in it. Names
(files made, renamed, taken away) are kept one by one, each as a whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.disks.recording import Record

Style = Literal["nothing", "everything", "prefix", "sectors"]
STYLES: tuple[Style, ...] = ("nothing", "prefix", "sectors")
"""Of what was not synced: none is kept; what came first; what chance keeps, sector by sector."""
SECTOR_SIZES = (512, 4096)


@dataclass(frozen=True, slots=True)
class _Change:
    """Not synced yet: bytes at an offset, or a length (`data` `None`)."""

    n: int
    offset: int
    data: bytes | None


class _File:
    def __init__(self, content: bytes = b"", *, is_folder: bool = False) -> None:
        self.is_folder = is_folder
        self.is_mapped = False
        self.content = bytearray(content)
        """Durable."""
        self.pending: list[_Change] = []

    def settle(self, changes: Iterable[_Change]) -> None:
        kept = {change.n for change in changes}
        for change in self.pending:
            if change.n in kept:
                _apply(self.content, change)
        self.pending = [change for change in self.pending if change.n not in kept]


@dataclass(frozen=True, slots=True)
class _Naming:
    """Not synced yet: what these names lead to from now on; `None`: nowhere."""

    n: int
    names: Mapping[str, _File | None]

    @property
    def folders(self) -> set[str]:
        return {_folder(name) for name in self.names}


@dataclass(frozen=True, slots=True)
class Tree:
    """Files and folders by their paths below the root."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cut:
    tree: Tree
    """What is there when the power is back."""
    pending: int
    """Writes, lengths and names that were not synced."""
    forgotten: int
    """Of them, those of which something is missing."""


class Image:
    def __init__(self, tree: Tree, inodes: Mapping[str, int]) -> None:
        """`tree`: all that is there now, and durable; `inodes` of every path in it, and of the root (`""`)."""
        self._names: dict[str, _File] = {"": _File(is_folder=True)}
        """As they are durable."""
        self._names |= {path: _File(is_folder=True) for path in tree.folders}
        self._names |= {path: _File(content) for path, content in tree.files.items()}
        self._now = dict(self._names)
        """As processes see them."""
        self._by_inode = {inode: self._names[path] for path, inode in inodes.items()}
        self._namings: list[_Naming] = []
        self._syncs: dict[int, tuple[_File, int]] = {}
        self._n = 0

    def take(self, record: Record) -> None:
        self._n += 1
        match record.kind:
            case "c" | "m":
                self._made(record)
            case "u":
                self._rename({record.first.decode(): None})
            case "r":
                old = record.first.decode()
                if self._now[old].is_folder:
                    raise ValueError(f"{old} is a folder: renaming those is not understood")
                self._rename({old: None, record.second.decode(): self._now[old]})
            case "w":
                self._of(record).pending.append(_Change(self._n, record.offset, record.first))
            case "t":
                self._of(record).pending.append(_Change(self._n, record.offset, None))
            case "p":
                self._of(record).is_mapped = True
            case "b":
                self._syncs[record.token] = (self._of(record), self._n)
            case _:
                self._synced(*self._syncs.pop(record.token))

    @property
    def mapped(self) -> list[str]:
        """Files that are written by storing."""
        return [path for path, file in self._now.items() if file.is_mapped]

    def wrote(self, path: str, content: bytes) -> None:
        """What a mapped file holds in the end: when each byte came is not known."""
        self._n += 1
        self._now[path].pending.append(_Change(self._n, 0, content))

    def cut(self, style: Style, rng: Random) -> Cut:
        """The power is gone. Where nothing is pending, all styles are the same."""
        pending = [change.n for file in self._files() for change in file.pending]
        pending += [naming.n for naming in self._namings]
        keep = {
            "nothing": _Keep(rng, 0, 0.0),
            "everything": _Keep(rng, self._n, 0.0),
            "prefix": _Keep(rng, rng.randint(0, self._n), 0.0),
            "sectors": _Keep(rng, 0, rng.choice((0.1, 0.5, 0.9))),
        }[style]
        names = dict(self._names)
        for naming in self._namings:
            if keep.name(naming):
                _rename(names, naming)
        names = {path: file for path, file in names.items() if _leads_somewhere(path, names)}
        contents = {path: keep.content(file) for path, file in names.items() if not file.is_folder}
        folders = frozenset(path for path, file in names.items() if file.is_folder and path)
        return Cut(Tree(contents, folders), len(pending), len(set(pending) - keep.whole))

    def _made(self, record: Record) -> None:
        path = record.first.decode()
        known = self._now.get(path)
        if known is not None and self._by_inode.get(record.inode) is known:
            return  # two threads have made it at once
        made = self._by_inode[record.inode] = _File(is_folder=record.kind == "m")
        self._rename({path: made})

    def _rename(self, names: Mapping[str, _File | None]) -> None:
        naming = _Naming(self._n, names)
        self._namings.append(naming)
        _rename(self._now, naming)

    def _synced(self, file: _File, begun: int) -> None:
        file.settle([change for change in file.pending if change.n < begun])
        if not file.is_folder:
            return
        path = next(path for path, each in self._now.items() if each is file)
        durable = [each for each in self._namings if each.n < begun and path in each.folders]
        for naming in durable:
            _rename(self._names, naming)
        self._namings = [each for each in self._namings if each not in durable]

    def _of(self, record: Record) -> _File:
        return self._by_inode[record.inode]

    def _files(self) -> list[_File]:
        return list({id(file): file for file in (*self._names.values(), *self._now.values())}.values())


class _Keep:
    """One draw of what is kept."""

    def __init__(self, rng: Random, up_to: int, share: float) -> None:
        """All until the number `up_to`, and `share` of the rest."""
        self._rng = rng
        self._up_to = up_to
        self._share = share
        self._sector = rng.choice(SECTOR_SIZES)
        self.whole: set[int] = set()
        """Numbers of what was kept whole."""

    def name(self, naming: _Naming) -> bool:
        kept = naming.n <= self._up_to or self._rng.random() < self._share
        if kept:
            self.whole.add(naming.n)
        return kept

    def content(self, file: _File) -> bytes:
        content = bytearray(file.content)
        if self._share:
            self._by_sector(content, file.pending)
        else:
            for change in file.pending:
                if change.n <= self._up_to:
                    _apply(content, change)
                    self.whole.add(change.n)
        return bytes(content)

    def _by_sector(self, content: bytearray, pending: Iterable[_Change]) -> None:
        """Up to the first change of length that is not kept: nothing overtakes that."""
        sectors: defaultdict[int, list[tuple[int, int, bytes]]] = defaultdict(list)
        for change in pending:
            if change.data is not None:
                for at, piece in _pieces(change, self._sector):
                    sectors[at // self._sector].append((change.n, at, piece))
                continue
            self._write(content, sectors)
            sectors.clear()
            if self._rng.random() >= self._share:
                return
            _apply(content, change)
            self.whole.add(change.n)
        self._write(content, sectors)

    def _write(self, content: bytearray, sectors: Mapping[int, list[tuple[int, int, bytes]]]) -> None:
        torn: set[int] = set()
        for versions in sectors.values():
            n_kept = sum(self._rng.random() < self._share for _ in versions)
            for _, at, piece in versions[:n_kept]:
                _overwrite(content, at, piece)
            torn |= {n for n, _, _ in versions[n_kept:]}
        self.whole |= {n for versions in sectors.values() for n, _, _ in versions} - torn


def _pieces(change: _Change, sector: int) -> Iterable[tuple[int, bytes]]:
    data, at = change.data or b"", change.offset
    while data:
        n = sector - at % sector
        yield at, data[:n]
        data, at = data[n:], at + n


def _apply(content: bytearray, change: _Change) -> None:
    if change.data is not None:
        _overwrite(content, change.offset, change.data)
        return
    del content[change.offset :]
    content.extend(bytes(change.offset - len(content)))


def _overwrite(content: bytearray, at: int, data: bytes) -> None:
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + len(data)] = data


def _rename(names: dict[str, _File], naming: _Naming) -> None:
    for path, file in naming.names.items():
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _leads_somewhere(path: str, names: Mapping[str, _File]) -> bool:
    while path:
        path = _folder(path)
        if path not in names:
            return False
    return True
