"""The table of everything that can be injected."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from core.simulation.server.faults import connections, events, frames, market, replica, requests, venue_wide
from core.simulation.server.faults.connections import ConnectionInjector
from core.simulation.server.faults.injector import (
    CancelInjector,
    EventInjector,
    FrameInjector,
    HandshakeInjector,
    Injector,
    NoParameters,
    RequestInjector,
)
from core.simulation.server.faults.market import SymbolInjector

_WHICH = ("nth", "hits", "probability")
_ADDRESSED: Mapping[type[Injector], tuple[str, ...]] = {
    venue_wide.Maintenance: (),
    RequestInjector: ("account", "route", "symbol", *_WHICH),
    FrameInjector: ("stream", "symbol", *_WHICH),
    EventInjector: ("account", *_WHICH),
    events.ExpireStream: ("account", *_WHICH),
    ConnectionInjector: ("account", "route", "stream", *_WHICH),
    HandshakeInjector: ("route", *_WHICH),
    CancelInjector: ("account", "symbol", *_WHICH),
    SymbolInjector: ("symbol", *_WHICH),
    market.PayFeesIn: ("account", *_WHICH),
    replica.ReplicaLag: ("account", "symbol", *_WHICH),
}
Draw = Callable[[Random], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    injector: type[Injector]
    draw: Draw
    """Parameters, and a smaller share of hits, of one at random."""
    group: str | None = None
    """Only one of a group can be at work at a time; `None`: any number."""
    for_s: float | None = None
    """Venue seconds that it lasts where nothing is said; `None`: until it is ended."""
    weight: float = 1.0
    """How often it comes, among those at random."""

    @property
    def parameters(self) -> type[msgspec.Struct]:
        found: type[msgspec.Struct] = typing.get_type_hints(self.injector)["params"]
        return NoParameters if found is msgspec.Struct else found

    @property
    def addressed_by(self) -> tuple[str, ...]:
        """The keys of an address that mean something to it."""
        return next((keys for base, keys in _ADDRESSED.items() if issubclass(self.injector, base)), ())

    @property
    def summary(self) -> str:
        return " ".join((self.injector.__doc__ or "").split())


def _nothing(rng: Random) -> dict[str, Any]:
    return {}


def _some(rng: Random) -> dict[str, Any]:
    """Hits some of what it could hit."""
    return {"probability": round(rng.uniform(0.1, 1), 2)}


def _choice(name: str, *values: object) -> Draw:
    return lambda rng: _some(rng) | {name: rng.choice(values)}


def _delay(rng: Random) -> dict[str, Any]:
    delay_ms = round(10 ** rng.uniform(2, 4.5))
    return _some(rng) | {"delay_ms": delay_ms, "jitter_ms": rng.choice((0, delay_ms))}


_REFUSALS = ("overloaded", "weight", "bad_gateway", "unavailable", "maintenance", "would_take", "would_trigger")
_BODIES = ("slow", "fragmented", "gzip", "gzip_truncated", "empty", "truncated")
_LOST = ("hang", "reset", "unknown", "gateway_timeout")
_AWAY = ("maintenance", "bad_gateway", "unavailable", "refused")

_TABLE = (
    Kind("half_open", connections.HalfOpen, lambda rng: {"deaf": rng.random() < 0.5} | _some(rng)),
    Kind("cut", connections.Cut, _choice("how", "reset", "close"), for_s=0),
    Kind("server_shutdown", connections.ServerShutdown, _nothing, for_s=600),
    Kind("refuse_handshake", connections.RefuseHandshake, _some),
    Kind("mute", frames.Mute, lambda rng: {"stream": rng.choice(("*@kline_*", "*@bookTicker", "*@trade", "*"))}),
    Kind("late_frames", frames.LateFrames, _delay),
    Kind("duplicate_frames", frames.DuplicateFrames, _some),
    Kind("reorder_frames", frames.ReorderFrames, lambda rng: {"window_ms": rng.randint(200, 3_000)}),
    Kind("depth_gap", frames.DepthGap, _some),
    Kind("crossed_book", frames.CrossedBook, _some),
    Kind("old_snapshot", requests.OldSnapshot, _some),
    Kind("missing_candles", frames.MissingCandles, lambda rng: {"closing_only": rng.random() < 0.5} | _some(rng)),
    Kind("late_close", frames.LateClose, _delay),
    Kind("revise_close", frames.ReviseClose, _some),
    Kind("revise_candles", requests.ReviseCandles, _some),
    Kind("early_candle", frames.EarlyCandle, _some),
    Kind("lose_events", events.LoseEvents, _some),
    Kind("late_events", events.LateEvents, _delay),
    Kind("duplicate_events", events.DuplicateEvents, lambda rng: _some(rng) | {"after_ms": rng.choice((0, 5_000))}),
    Kind("reorder_events", events.ReorderEvents, lambda rng: {"window_ms": rng.randint(200, 5_000)}),
    Kind("repeat_events", events.RepeatEvents, _some),
    Kind("expire_stream", events.ExpireStream, _nothing, for_s=0),
    Kind("refuse", requests.Refuse, _choice("answer", *_REFUSALS)),
    Kind("lose_answer", requests.LoseAnswer, _choice("how", *_LOST), weight=3),
    Kind("late_answer", requests.LateAnswer, _delay),
    Kind("loop_pages", requests.LoopPages, _nothing, weight=0.2),
    Kind("bad_body", requests.BadBody, _choice("how", *_BODIES)),
    Kind("replica_lag", replica.ReplicaLag, lambda rng: {"lag_ms": round(10 ** rng.uniform(2.5, 4))}, "reads"),
    Kind("cancel_race", market.CancelRace, lambda rng: {"fill": rng.choice((0.3, 1.0))} | _some(rng), weight=2),
    Kind("halt", market.Halt, _choice("status", "CANCEL_ONLY", "BREAK", "ABSENT"), "status"),
    Kind("delist", market.Delist, _some, "status", for_s=180),
    Kind("change_filters", market.ChangeFilters, lambda rng: {"tick_times": rng.choice((2, 5, 10))}, "filters"),
    Kind("pay_fees_in", market.PayFeesIn, _nothing, "fees"),
    Kind("clock_error", venue_wide.ClockError, lambda rng: {"offset_ms": rng.randint(-20_000, 20_000)}, "clock"),
    Kind("squeeze_limits", venue_wide.SqueezeLimits, lambda rng: {"weight": rng.choice((100, 300, 1_000))}, "limits"),
    Kind("ban", venue_wide.Ban, _nothing, "ban", weight=0.3),
    Kind("maintenance", venue_wide.Maintenance, lambda rng: {"how": rng.choice(_AWAY)}, "maintenance", weight=0.5),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _TABLE}
