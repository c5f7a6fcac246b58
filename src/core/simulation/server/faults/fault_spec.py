"""What a fault shall do, read from a table of plain values: one entry of a file, or the body of a request."""

import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.inspect import UnionType

from core.simulation.server.faults.address import Address
from core.simulation.server.faults.kinds import KINDS, Kind

COMMON = ("kind", "for_s", "seed")
_ADDRESS_KEYS = frozenset(Address.__struct_fields__)
_LONGEST_S = 366 * 86_400.0


class FaultSpecError(ValueError):
    """`key` is where it stands; `None`: the entry as a whole."""

    def __init__(self, key: str | None, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class FaultSpec:
    kind: Kind
    address: Address
    params: msgspec.Struct
    for_ms: int | None
    """Venue time; `None`: until it is ended."""
    seed: int | None = None
    """`None`: the plan gives it one."""

    @property
    def text(self) -> str:
        """What differs from the defaults."""
        parts = [
            f"{name}={value}"
            for struct in (self.address, self.params)
            for name, value in msgspec.structs.asdict(struct).items()
            if value != getattr(type(struct)(), name)
        ]
        return " ".join(parts)


def read_spec(entry: Mapping[str, Any]) -> FaultSpec:
    """Raises `FaultSpecError`."""
    kind = _kind(entry)
    params_type = kind.parameters
    known = (*COMMON, *kind.addressed_by, *params_type.__struct_fields__)
    for key in entry:
        if key not in known:
            raise _unknown(key, kind, known)
    for_s = entry.get("for_s", kind.for_s)
    if for_s is not None and not _is_number(for_s, _LONGEST_S):
        raise FaultSpecError("for_s", f"for_s: got {for_s!r}, wanted venue seconds, at least 0")
    seed = entry.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise FaultSpecError("seed", f"seed: got {seed!r}, wanted a whole number")
    address = _convert(Address, {key: entry[key] for key in kind.addressed_by if key in entry})
    params = _convert(params_type, {key: entry[key] for key in params_type.__struct_fields__ if key in entry})
    return FaultSpec(kind, address, params, None if for_s is None else round(for_s * 1_000), seed)


def is_offset(value: Any) -> bool:
    """Whether it can be `at_s`."""
    return _is_number(value, _LONGEST_S)


def nearest(word: str, known: Collection[str]) -> str:
    """` Did you mean ...?`, or nothing."""
    found = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {found[0]}?" if found else ""


def _kind(entry: Mapping[str, Any]) -> Kind:
    name = entry.get("kind")
    if name is None:
        raise FaultSpecError(None, f"kind is missing; it is one of {', '.join(sorted(KINDS))}")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        guess = nearest(str(name), KINDS) or f" It is one of {', '.join(sorted(KINDS))}."
        raise FaultSpecError("kind", f"kind: there is no fault {name!r}.{guess}")
    return kind


def _unknown(key: str, kind: Kind, known: Collection[str]) -> FaultSpecError:
    if key in _ADDRESS_KEYS:
        allowed = ", ".join(kind.addressed_by) or "nothing: it is for the whole venue"
        return FaultSpecError(key, f"{key}: {kind.name} is not addressed so, but by {allowed}")
    return FaultSpecError(key, f"{key}: {kind.name} has no such key.{nearest(key, known)}")


def _convert(into: type[msgspec.Struct], values: Mapping[str, Any]) -> Any:
    try:
        return msgspec.convert(values, into)
    except msgspec.ValidationError as error:
        found = re.search(r" - at `\$\.(\w+)", str(error))
        key = found[1] if found else next(iter(values), "")
        raise FaultSpecError(key, f"{key}: got {values.get(key)!r}, wanted {_wanted(into, key, str(error))}") from None


def _wanted(struct: type[msgspec.Struct], key: str, complaint: str) -> str:
    info = msgspec.inspect.type_info(struct)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    wanted = [field.type for field in fields if field.name == key]
    for each in (part for kind in wanted for part in (kind.types if isinstance(kind, UnionType) else (kind,))):
        if isinstance(each, msgspec.inspect.LiteralType):
            return "one of " + ", ".join(str(value) for value in each.values)
    complaint = complaint.replace(" | null", "")
    words = complaint.partition(" - at ")[0].partition(", got ")[0].removeprefix("Expected ")
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    return words


_WORDS = {"`int`": "a whole number", "`float`": "a number", "`str`": "text", "`bool`": "true or false"}


def _is_number(value: Any, most: float) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= most
