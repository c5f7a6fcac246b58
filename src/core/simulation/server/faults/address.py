"""Whom a fault is for: accounts, routes, streams, symbols, and which of the hits."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


@dataclass(frozen=True, slots=True)
class Target:
    """What a fault may strike. Each field has all the names that the one thing goes by; empty: it has none."""

    accounts: Collection[str] = ()
    routes: Collection[str] = ()
    """`POST /api/v3/order`, `order.place`, or the path of a WebSocket."""
    streams: Collection[str] = ()
    symbols: Collection[str] = ()
    """As the venue spells them: `BTCUSDT`."""

    @property
    def text(self) -> str:
        names = (*self.accounts, *self.routes, *sorted(self.streams)[:3], *self.symbols)
        return " ".join(names) or "the venue"


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns (`*`, `?`, `[..]`) of which each that is given must fit; `None`: any."""

    account: str | None = None
    route: str | None = None
    stream: str | None = None
    symbol: str | None = None
    nth: _Count = 1
    """The first fitting hit that counts: 3 lets two pass."""
    hits: _Count | None = None
    """At most so many; `None`: all until the fault ends."""
    probability: _Share = 1.0
    """Of each hit that counts."""

    def fits(self, target: Target, default_routes: Collection[str] = (), default_streams: Collection[str] = ()) -> bool:
        """`default_routes`, `default_streams`: what fits where the address names none."""
        routes = default_routes if self.route is None else (self.route,)
        streams = default_streams if self.stream is None else (self.stream,)
        return (
            _fits((self.account,), target.accounts)
            and _fits((self.symbol,), target.symbols)
            and _fits(routes, target.routes)
            and _fits(streams, target.streams)
        )


def _fits(patterns: Iterable[str | None], names: Collection[str]) -> bool:
    given = [pattern for pattern in patterns if pattern is not None]
    return not given or any(_compiled(pattern).match(name) for pattern in given for name in names)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
