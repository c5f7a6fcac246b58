"""Schedules of faults from TOML files.

seed = 7                        # of the faults that bring none; optional

[[fault]]
at_s = 120                      # venue seconds after the venue listens
for_s = 30                      # venue seconds; absent: the kind's own, or until the venue ends
kind = "lose_answer"
account = "paper"               # address: account, route, stream, symbol, nth, hits, probability
how = "reset"                   # the kind's own parameters
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.domain.errors import SettingsError
from core.settings.layers import Layer
from core.settings.toml_file import read_toml
from core.simulation.server.faults.fault_spec import COMMON, FaultSpecError, is_offset, nearest, read_spec
from core.simulation.server.faults.plan import Scheduled

_TOP_KEYS = ("fault", "seed")


@dataclass(frozen=True, slots=True)
class Schedule:
    faults: Sequence[Scheduled]
    """In order of time."""
    seed: int = 0


def read_schedule(file: Path) -> Schedule:
    """All of the file or nothing. Raises `SettingsError` with one line a mistake: file, line, entry, key."""
    if not file.exists():
        raise SettingsError(f"{file}: no such file of faults (simulation.faults_file, --faults)")
    layer = read_toml(file)
    mistakes = [f"{layer.locate((key,))}: {_unknown_top(key)}" for key in layer.values if key not in _TOP_KEYS]
    entries = layer.values.get("fault", [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise SettingsError(f"{layer.locate(('fault',))}: fault: write each one as a table of its own, [[fault]]")
    seed = layer.values.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        mistakes.append(f"{layer.locate(('seed',))}: seed: got {seed!r}, wanted a whole number")
    faults = []
    for index, entry in enumerate(entries):
        try:
            faults.append(_read_entry(entry))
        except FaultSpecError as error:
            mistakes.append(f"{_place(layer, index, error.key)}: fault {index + 1}: {error}")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Schedule(sorted(faults, key=lambda fault: fault.at_ms), seed)


def _read_entry(entry: Mapping[str, Any]) -> Scheduled:
    at_s = entry.get("at_s", 0)
    if not is_offset(at_s):
        raise FaultSpecError("at_s", f"at_s: got {at_s!r}, wanted venue seconds after the start, at least 0")
    return Scheduled(round(at_s * 1_000), read_spec({key: value for key, value in entry.items() if key != "at_s"}))


def _place(layer: Layer, index: int, key: str | None) -> str:
    return layer.locate(("fault", index) if key is None else ("fault", index, key))


def _unknown_top(key: str) -> str:
    if key in COMMON or key == "at_s":
        return f"{key}: this belongs into a [[fault]]"
    return f"{key}: a file of faults has no such key.{nearest(key, _TOP_KEYS)}"
