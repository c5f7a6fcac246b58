"""Faults of the whole venue: its clock, its limits, its maintenance."""

from typing import Annotated, Literal

import msgspec

from core.simulation.server.dispatcher import Answer, Request
from core.simulation.server.faults.address import Target
from core.simulation.server.faults.injector import HandshakeInjector, Injector, Proceed, RequestInjector
from core.simulation.server.faults.refusals import PAGES, refusal
from core.simulation.server.limits import weight_limit
from core.simulation.server.socket import Refused


class ClockErrorParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    offset_ms: Annotated[int, msgspec.Meta(ge=-86_400_000, le=86_400_000)] = 5_000
    """By how much the server's clock is ahead (or, negative, behind)."""
    drift_ppm: Annotated[float, msgspec.Meta(ge=-500_000, le=500_000)] = 0.0
    """By how much more it goes wrong, in millionths of the time that passes."""


class ClockError(Injector):
    """The clock that clients see jumps, and drifts, until the end, when it jumps back. Candles and fills keep true
    time: only what tells the server's time, and what judges timestamps, is wrong."""

    params: ClockErrorParameters

    def begin(self) -> None:
        self._began_ms = self.hands.clock.now_ms()
        self.work.strikes(Target())
        self.hands.clock.error_ms = self._error_ms

    def end(self) -> None:
        self.hands.clock.error_ms = None

    def _error_ms(self) -> int:
        passed_ms = self.hands.clock.now_ms() - self._began_ms
        return self.params.offset_ms + int(passed_ms * self.params.drift_ppm / 1e6)


class SqueezeLimitsParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Annotated[int, msgspec.Meta(ge=1)] = 300
    """What an address may use a minute, meanwhile."""


class SqueezeLimits(Injector):
    """Less request weight for everybody: 429 with Retry-After, 418 for who ignores it."""

    params: SqueezeLimitsParameters

    def begin(self) -> None:
        self.work.strikes(Target())
        self._before = [limits.weight for limits in self.hands.limits]
        for limits in self.hands.limits:
            limits.weight = weight_limit(self.params.weight)

    def end(self) -> None:
        for limits, weight in zip(self.hands.limits, self._before, strict=True):
            limits.weight = weight


class BanParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ip: str = "127.0.0.1"


class Ban(Injector):
    """418 for an address: all its keys, REST, WebSocket API and handshakes, until the end."""

    params: BanParameters

    def begin(self) -> None:
        self.work.strikes(Target())
        ends_ms = self.work.ends_ms
        for_ms = 86_400_000 if ends_ms is None else max(1, ends_ms - self.hands.clock.now_ms())
        for limits in self.hands.limits:
            limits.ban(self.params.ip, for_ms)

    def end(self) -> None:
        for limits in self.hands.limits:
            limits.pardon(self.params.ip)


class MaintenanceParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    how: Literal["maintenance", "bad_gateway", "unavailable", "refused"] = "maintenance"
    """`refused`: nothing listens at the venue's port."""
    closed_for: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Last share of the time in which data flows again while orders are refused: "Market is closed."."""
    retry_after_s: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Real seconds."""


class Maintenance(RequestInjector, HandshakeInjector):
    """The venue is away: REST and handshakes are refused, open connections are cut."""

    params: MaintenanceParameters

    def begin(self) -> None:
        self._began_ms = self.hands.clock.now_ms()
        self._is_away = True
        if self.params.how == "refused":
            self.hands.server.shut()
        for socket in self.hands.gate:
            socket.reset()

    def turn(self) -> None:
        ends_ms = self.work.ends_ms
        if not self._is_away or ends_ms is None or not self.params.closed_for:
            return
        if self.hands.clock.now_ms() >= ends_ms - (ends_ms - self._began_ms) * self.params.closed_for:
            self._come_back()

    def end(self) -> None:
        if self._is_away:
            self._come_back()

    def applies(self, request: Request) -> bool:
        return self._is_away or "type" in request.values

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        how = self.params.how if self.params.how in ("maintenance", *PAGES) else "unavailable"
        return refusal(
            how if self._is_away else "market_closed",  # type: ignore[arg-type]  # "refused" was replaced above
            route=request.route,
            until_ms=self.work.ends_ms or 0,
            retry_after_s=self.params.retry_after_s,
            headers=self.hands.identity,
        )

    def refusal(self) -> Refused | None:
        return Refused(503, "", {"retry-after": str(self.params.retry_after_s)}) if self._is_away else None

    def _come_back(self) -> None:
        self._is_away = False
        if self.params.how == "refused":
            self.hands.chores.append(self.hands.server.reopen)
