"""A failed validation in words: where, which key, what was given, what is wanted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.settings.layers import KeyPath, Layer, dotted, nearest_origin
from core.settings.schema import annotation_at, is_secret, nearest, takes_none


def complaints(error: ValidationError, layers: Sequence[Layer]) -> Iterator[str]:
    """One line per fault."""
    for detail in error.errors(include_url=False):
        place = nearest_origin(layers, detail["loc"])
        yield f"{place}: {_words(detail)}" if place else _words(detail)


def _words(detail: ErrorDetails) -> str:
    path: KeyPath = detail["loc"]
    match detail["type"]:
        case "extra_forbidden":
            guess = nearest(path)
            return f"unknown setting {dotted(path)}." + (f" Did you mean {guess}?" if guess else "")
        case "missing":
            return f"{dotted(path)} is missing."
        case "value_error":
            return f"{dotted(path) or 'settings'}: {detail['ctx']['error']}."
    return f"{dotted(path)}: got {_given(path, detail['input'])}, wanted {_wanted(detail['msg'])}{_or_none(path)}."


def _or_none(path: KeyPath) -> str:
    return ' or "none"' if takes_none(annotation_at(path)) else ""


def _given(path: KeyPath, value: Any) -> str:
    if is_secret(path):
        return "a secret (not shown)"
    return f"{_spelled(value)} ({_kind(value)})"


def _spelled(value: Any) -> str:
    text = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    text = text or (f'"{value}"' if isinstance(value, str) else str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: Any) -> str:
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "nothing"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Mapping, "a table"),
)


def _wanted(message: str) -> str:
    """pydantic's "Input should be greater than 0" without its head, in this house's words."""
    words = message.removeprefix("Input should be ").split(", unable to parse")[0]
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    return words


_WORDS = {
    "a valid array": 'a list, such as ["BTC/USDT"]',
    "a valid tuple": 'a list, such as ["BTC/USDT"]',
    "a valid string": "text in quotes",
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid dictionary": "a table",
    "a valid decimal": "a number",
    "an object": "a table",
    "greater than or equal to ": "at least ",
    "less than or equal to ": "at most ",
    "greater than ": "more than ",
    "Decimal input should be an integer, float, string or Decimal object": "a number",
}
