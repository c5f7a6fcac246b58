"""What goes over the wire: commands in, pictures out, and what OpenAPI says of either."""

import difflib
from dataclasses import fields
from typing import Any, TypeVar

import msgspec
from fastapi import HTTPException, Response
from pydantic import TypeAdapter

from core.api.answers import Refusal
from core.domain.commands import MAX_REASON_CHARS, KillSwitchStatus
from core.domain.status import DaemonStatus, SymbolStatus

_MOST_BYTES = 10_000
REFUSED_READING: dict[int | str, dict[str, Any]] = {status: {"model": Refusal} for status in (401, 403, 421, 429, 503)}
"""What OpenAPI says of every route that wants a token."""
C = TypeVar("C")
"""A dataclass with a `reason` and a `by`."""


def read_command(body: bytes, kind: type[C]) -> C:
    """400 for what is none, for keys that it does not have (they were meant to say something), and for a reason that is
    empty, too long, or would not fit on a line."""
    try:
        if len(body) > _MOST_BYTES:
            raise ValueError(f"at most {_MOST_BYTES} bytes")
        command = msgspec.json.decode(body, type=kind)
        _check_keys(body, kind)
        for name in ("reason", "by"):
            text: str = getattr(command, name)
            if not text.strip() or len(text) > MAX_REASON_CHARS or not text.isprintable():
                raise ValueError(f"{name}: 1 to {MAX_REASON_CHARS} printable characters")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"not a command: {error}") from None
    return command


def _check_keys(body: bytes, kind: type) -> None:
    known = [each.name for each in fields(kind)]
    for key in msgspec.json.decode(body, type=dict[str, msgspec.Raw]):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ValueError(f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def known_symbol(asked: str, status: DaemonStatus) -> SymbolStatus:
    """The symbol as asked for, forgiving its spelling; 404 with the nearest ones when there is none."""
    by_letters = {_letters(each.symbol): each for each in status.symbols}
    if found := by_letters.get(_letters(asked)):
        return found
    close = [by_letters[each].symbol for each in difflib.get_close_matches(_letters(asked), by_letters, n=3)]
    shown = close or [each.symbol for each in status.symbols[:5]]
    hint = f"; did you mean {', '.join(shown)}?" if shown else "; it trades none yet"
    raise HTTPException(404, f"{asked} is not traded by this daemon{hint}")


def _letters(symbol: str) -> str:
    return "".join(each for each in symbol.upper() if each.isalnum())


def answers(model: Any, tag: str = "v1", also: dict[int | str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """What OpenAPI says of a route. The body itself is encoded by msgspec, so no model is built per request."""
    refused = REFUSED_READING if tag != "health" else {}
    return {"response_model": None, "tags": [tag], "responses": {200: {"model": model}, **refused, **(also or {})}}


def obeys(
    model: Any, answer: Any = KillSwitchStatus, also: dict[int | str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What OpenAPI says of a command."""
    body = {"content": {"application/json": {"schema": _schema(model)}}, "required": True}
    refused: dict[int | str, dict[str, Any]] = {
        400: {"model": Refusal},
        409: {"model": Refusal},
        413: {"model": Refusal},
        **(also or {}),
    }
    return {**answers(answer, also=refused), "openapi_extra": {"requestBody": body}}


def _schema(model: Any) -> dict[str, Any]:
    """Self-contained, with what `read_command` asks of the words in it."""
    schema = TypeAdapter(model).json_schema()
    for name in ("reason", "by"):
        schema["properties"][name] |= {"minLength": 1, "maxLength": MAX_REASON_CHARS}
    return {**_inlined(schema, schema.pop("$defs", {})), "additionalProperties": False}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """With definitions in the places that refer to them: elsewhere in the document there is no room for them."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def json_answer(body: bytes) -> Response:
    """What is JSON already."""
    return Response(body, media_type="application/json")


def as_json(body: Any, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status_code, media_type="application/json")
