from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import SettingsError
from core.settings.toml_file import KeyLines, read_toml
from unprivileged import as_nobody

TEXT = """\
# a comment with [brackets] and key = value
top = 1

[trading]
mode = "paper"
"quoted" = 2

[trading.deep]
inner.most = 3

[[trading.strategies]]
use = "one"
[[trading.strategies]]
use = "two"
parameters = { fast = 3 }
[trading.strategies.more]
last = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("trading", "mode"), 5),
        (("trading", "quoted"), 6),
        (("trading", "deep", "inner", "most"), 9),
        (("trading", "strategies"), 11),
        (("trading", "strategies", 0, "use"), 12),
        (("trading", "strategies", 1, "use"), 14),
        (("trading", "strategies", 1, "parameters", "fast"), 15),
        (("trading", "strategies", 1, "more", "last"), 17),
        (("trading", "unknown"), 4),
        (("nowhere",), None),
    ],
)
def test_finds_the_line_of_a_key_or_of_the_table_it_would_stand_in(path: tuple[str | int, ...], line: int | None):
    assert KeyLines(TEXT).find(path) == line


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[trading]\nmode = paper\n", ":2:8: not valid TOML"),
        ("[trading\n", ":1:9: not valid TOML"),
        ('[a]\nx = "open', ":2:1: not valid TOML"),
        ("a = 1\na = 2\n", ":2:6: not valid TOML: Cannot overwrite a value."),
    ],
)
def test_broken_toml_names_file_line_and_column(tmp_path: Path, text: str, place: str):
    file = tmp_path / "broken.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_toml(file)
    assert str(caught.value).startswith(f"{file}{place}")


@given(st.binary(max_size=60))
def test_no_content_ends_in_anything_but_a_layer_or_a_settings_error(tmp_path_factory: pytest.TempPathFactory, data):
    file = tmp_path_factory.getbasetemp() / "fuzz.toml"
    file.write_bytes(data)
    try:
        layer = read_toml(file)
    except SettingsError as error:
        assert str(error).startswith(str(file))
    else:
        assert layer.locate(("x",)).startswith(str(file))


def test_absent_folder_and_binary_files_are_told_apart(tmp_path: Path):
    with pytest.raises(SettingsError, match="no such settings file"):
        read_toml(tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match="this is a folder"):
        read_toml(tmp_path)
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(SettingsError, match="byte 0 is not UTF-8"):
        read_toml(tmp_path / "picture.toml")


def test_a_file_that_would_exhaust_its_reader_is_refused(tmp_path: Path):
    file = tmp_path / "deep.toml"
    file.write_text("x = " + "[" * 100_000)
    with pytest.raises(SettingsError, match="nested too deep"):
        read_toml(file)


def test_a_file_without_read_permission_says_so(walkable_path: Path):
    file = walkable_path / "private.toml"
    file.write_text("")
    file.chmod(0)

    def read() -> str:
        with pytest.raises(SettingsError) as caught:
            read_toml(file)
        return str(caught.value)

    assert as_nobody(read) == f"{file}: no permission to read this settings file. Let this user read it (chmod, chown)."
