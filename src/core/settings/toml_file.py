"""One TOML file as a layer of settings, with the line of each key."""

import re
import tomllib
from pathlib import Path

from core.domain.errors import SettingsError
from core.settings.layers import KeyPath, Layer


def read_toml(path: Path) -> Layer:
    """The file's tables. Raises `SettingsError` naming the file, and line and column where it is broken."""
    text = _read_text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_broken(path, text, str(error))) from error
    except RecursionError:
        raise SettingsError(f"{path}: not a settings file: its values are nested too deep to be read.") from None
    lines = KeyLines(text)

    def locate(key: KeyPath) -> str:
        line = lines.find(key)
        return f"{path}:{line}" if line else str(path)

    return Layer(values, locate)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such settings file. Examples are in the config/ folder.") from None
    except IsADirectoryError:
        raise SettingsError(f"{path}: this is a folder; give the settings file in it.") from None
    except PermissionError:
        raise SettingsError(
            f"{path}: no permission to read this settings file. Let this user read it (chmod, chown)."
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not a TOML file: byte {error.start} is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _broken(path: Path, text: str, message: str) -> str:
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found:
        place, words = f"{found[1]}:{found[2]}", message[: found.start()]
    else:
        n_lines = text.count("\n") + 1
        place, words = f"{n_lines}:1", message.replace(" (at end of document)", ", but the file ends here")
    return f"{path}:{place}: not valid TOML: {words}."


_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


class KeyLines:
    """Finds the line of a key by scanning the text: enough for a message, no second parser."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        counts: dict[KeyPath, int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _HEADER.match(line):
                table = _resolve(_split(header[2]), counts)
                if header[1] == "[[":
                    self._lines.setdefault(table, number)
                    counts[table] = counts.get(table, -1) + 1
                    table = (*table, counts[table])
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                self._lines.setdefault(table + _split(key[1]), number)

    def find(self, path: KeyPath) -> int | None:
        """Line of `path`, or of the nearest table or key above it (1 is the first); `None`: nowhere near."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return None


def _split(dotted_key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", dotted_key))


def _resolve(names: tuple[str, ...], counts: dict[KeyPath, int]) -> KeyPath:
    """The header's names with the current index behind each array of tables that it passes through."""
    path: KeyPath = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if path in counts and position < len(names) - 1:
            path = (*path, counts[path])
    return path
