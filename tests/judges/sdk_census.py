"""What the official SDK's models found in the venue's answers: fields they do not know, and fields they never got."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel

_NOT_FROM_THE_VENUE = frozenset({"additional_properties", "actual_instance", "one_of_schemas"})
EXAMPLES: dict[type, Any] = {str: "BTCUSDT", int: 1, float: 1.0}


@dataclass
class Census:
    """Of all models in all answers. The models are strict: an answer of a wrong type does not get this far."""

    _present: dict[type[BaseModel], set[str]] = field(default_factory=lambda: defaultdict(set))
    _unknown: dict[type[BaseModel], set[str]] = field(default_factory=lambda: defaultdict(set))

    def take(self, answer: object) -> None:
        for model in _models(answer):
            kind = type(model)
            self._unknown[kind] |= getattr(model, "additional_properties", {}).keys()
            self._present[kind] |= {name for name in _fields(kind) if getattr(model, name) is not None}

    @property
    def n_models(self) -> int:
        return len(self._present)

    def unknown(self) -> set[str]:
        return {f"{kind.__name__}.{name}" for kind, names in self._unknown.items() for name in names}

    def never_sent(self) -> set[str]:
        return {f"{kind.__name__}.{name}" for kind in self._present for name in _fields(kind) - self._present[kind]}


def _fields(kind: type[BaseModel]) -> set[str]:
    return {
        name
        for name in kind.model_fields
        if name not in _NOT_FROM_THE_VENUE and not name.endswith("_validator") and not name.startswith("discriminator")
    }


def _models(value: object) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        inner = getattr(value, "actual_instance", None)
        if inner is not None:
            yield from _models(inner)
            return
        yield value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _models(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _models(each)


def methods(client: type) -> set[str]:
    """What the venue can be asked through `client`: its own methods, less those about the connection itself."""
    return {
        name
        for name, function in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and function.__qualname__.startswith(client.__name__) and name not in _CONNECTION
    }


_CONNECTION = frozenset(
    {"close_connection", "list_subscribe", "on", "ping_server", "subscribe", "unsubscribe", "user_data"}
)
_CONNECTION |= {f"send_{signed}{what}" for signed in ("", "signed_") for what in ("message", "request")}


def example_arguments(method: Callable[..., Any]) -> dict[str, Any]:
    """A value for each argument that the SDK insists on."""
    return {
        name: _example(parameter.annotation)
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is parameter.empty and name != "self"
    }


def _example(annotation: Any) -> Any:
    kind = next(each for each in (*get_args(annotation), annotation) if isinstance(each, type))
    return EXAMPLES[kind] if kind in EXAMPLES else next(iter(kind))
