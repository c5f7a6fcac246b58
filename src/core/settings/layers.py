"""Layers of settings: nested tables from one source each, and which source a value came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KeyPath = tuple[str | int, ...]
"""`("trading", "strategies", 0, "use")`; printed as `trading.strategies.0.use`."""


def dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


@dataclass(frozen=True, slots=True)
class Layer:
    """Nested tables from one source. `locate` words where a key stands in it, e.g. `config/sim.toml:12`."""

    values: Mapping[str, Any]
    locate: Callable[[KeyPath], str]

    def holds(self, path: KeyPath) -> bool:
        """Whether this layer says anything at `path`."""
        return _lookup(self.values, path) is not _ABSENT


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """All layers as one tree, later ones on top: tables merge key by key, everything else is replaced whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge_into(merged, layer.values)
    return merged


def nearest_origin(layers: Sequence[Layer], path: KeyPath) -> str | None:
    """Where the value at `path`, or the nearest table above it, stands; `None`: in no layer at all."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if layer.holds(path[:length]):
                return layer.locate(path)
    return None


_ABSENT = object()


def _lookup(values: Any, path: KeyPath) -> Any:
    for part in path:
        in_table = isinstance(values, Mapping) and part in values
        in_list = isinstance(values, list) and isinstance(part, int) and part < len(values)
        if not (in_table or in_list):
            return _ABSENT
        values = values[part]
    return values


def _merge_into(base: dict[str, Any], top: Mapping[str, Any]) -> None:
    for key, value in top.items():
        if isinstance(value, Mapping):
            table = base.get(key)
            base[key] = dict(table) if isinstance(table, Mapping) else {}
            _merge_into(base[key], value)
        else:
            base[key] = value
