"""What a life wants to do: bursts of deeds, drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT")


@dataclass(frozen=True, slots=True)
class Deed:
    kind: str
    """`enter` at the market, `slice` (in slices over a minute of the venue), `hide` (an iceberg), `join` the best bid,
    `rest` far below it, `amend` a working entry, `leave` with all, `trim`, `seep` (out in slices), `recall` entries,
    `reconcile`."""
    symbol: str
    notional_usd: int
    stop_at: float
    """Of the price now. Above 1: the stop's time has come before it stands."""
    target_at: float | None = None
    """Of the price now; `None`: no target. Below 1: it is reached before it stands."""
    trails: bool = False
    """Whether the stop follows the market at the distance at which it begins."""


_KINDS = {
    "enter": 34,
    "slice": 8,
    "hide": 3,
    "seep": 4,
    "join": 10,
    "rest": 10,
    "amend": 12,
    "leave": 18,
    "trim": 8,
    "recall": 6,
    "reconcile": 4,
}
_STOPS = {0.6: 50, 0.98: 15, 0.997: 20, 0.999: 10, 1.05: 5}
_TARGETS = {None: 40, 1.4: 25, 1.02: 15, 1.003: 15, 0.99: 5}
_TRAILS = {False: 70, True: 30}


def bursts(rng: Random, n: int) -> Iterator[list[Deed]]:
    """`n` of them; the deeds of one are done at the same time."""
    for _ in range(n):
        symbols = rng.sample(SYMBOLS, rng.choice((1, 1, 2, 3)))
        yield [
            Deed(
                _one_of(rng, _KINDS),
                symbol,
                rng.choice((300, 500, 1_000, 3_000)),
                stop_at=_one_of(rng, _STOPS),
                target_at=_one_of(rng, _TARGETS),
                trails=_one_of(rng, _TRAILS),
            )
            for symbol in symbols
        ]


def _one_of(rng: Random, weights: dict) -> Any:
    return rng.choices(list(weights), list(weights.values()))[0]
