"""`METRONOME__SECTION__KEY` variables as a layer of settings."""

import json
from collections.abc import Mapping
from typing import Any

from core.domain.errors import SettingsError
from core.settings.layers import KeyPath, Layer, dotted
from core.settings.schema import NONE_WORDS, alternatives, annotation_at, is_table, nearest, takes_none

PREFIX = "METRONOME__"


def read_environment(environment: Mapping[str, str]) -> Layer:
    """All `METRONOME__` variables. Section and key are read in lower case, names inside a dict as they are written.

    Raises `SettingsError` for a list or dict that is not JSON, and for names without a known section and key.
    """
    values: dict[str, Any] = {}
    names: dict[KeyPath, str] = {}
    for name in sorted(environment):
        if name.startswith(PREFIX):
            path = _path(name)
            names[path] = name
            _put(values, path, _parse(name, environment[name], annotation_at(path)), name)

    def locate(key: KeyPath) -> str:
        known = next((key[:length] for length in range(len(key), 0, -1) if key[:length] in names), None)
        return f"environment {names[known]}" if known else "environment"

    return Layer(values, locate)


def _path(name: str) -> KeyPath:
    parts = name.removeprefix(PREFIX).split("__")
    path: KeyPath = (*(part.lower() for part in parts[:2]), *parts[2:])
    if all(parts) and annotation_at(path) is not None:
        return path
    guess = nearest(path) if annotation_at(path[:1]) or len(path) == 1 else _nearest_in_right_section(path)
    hint = f" Did you mean {PREFIX}{guess.upper().replace('.', '__')}?" if guess else ""
    raise SettingsError(f"environment {name}: unknown setting {dotted(path)}.{hint}")


def _nearest_in_right_section(path: KeyPath) -> str | None:
    section = nearest(path[:1])
    return f"{section}.{dotted(path[1:])}" if section else nearest(path)


def _parse(name: str, text: str, annotation: Any) -> Any:
    if takes_none(annotation) and text.lower() in (*NONE_WORDS, "null"):
        return None
    if is_table(annotation):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsError(
                f"environment {name}: got {text!r}, wanted JSON, such as "
                f'\'["BTC/USDT", "ETH/USDT"]\' or \'{{"USDT": 1000}}\' ({error.msg}, column {error.colno}).'
            ) from None
    return _scalar(text, alternatives(annotation))


def _scalar(text: str, types: tuple[Any, ...]) -> Any:
    """The text as the number or truth value it spells where one is wanted; otherwise the text itself."""
    if bool in types and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    for number in (int, float):
        if number in types:
            try:
                return number(text)
            except ValueError:
                continue
    return text


_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _put(values: dict[str, Any], path: KeyPath, value: Any, name: str) -> None:
    table = values
    for part in path[:-1]:
        table = table.setdefault(str(part), {})
        if not isinstance(table, dict):
            raise SettingsError(
                f"environment {name}: another variable already sets a part of it; set one of them only."
            )
    existing = table.get(str(path[-1]))
    if isinstance(existing, dict) and isinstance(value, dict):
        existing.update(value)
    else:
        table[str(path[-1])] = value
