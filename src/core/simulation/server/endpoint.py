"""One thing the venue can be asked, over REST or its WebSocket API alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from core.simulation.server.parameters import Parameters


class Security(Enum):
    NONE = "none"
    KEY = "key"
    """Needs a known API key."""
    SIGNED = "signed"
    """Needs key, timestamp and signature."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint. `account` is empty where the endpoint needs none."""

    params: Parameters
    account: str = ""


Handler = Callable[[Call], object]
Weight = int | Callable[[Parameters], int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`handle` runs on the event loop, must not block, answers something msgspec can encode and raises `ApiError` or
    the engine's `Refusal`."""

    handle: Handler
    params: frozenset[str] = frozenset()
    weight: Weight = 1
    security: Security = Security.NONE
    counts_order: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def weight_of(self, params: Parameters) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)
