"""Looks at the running parts every few seconds, and tells what has changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.decision_ledger.writer import DecisionLedger
from core.domain.facts import ExecutionFact
from core.domain.notices import Notice
from core.domain.orders import ClientOrderId
from core.execution.executor import OrderExecutor
from core.notify.news import Signs, changes, done_order, news_of_force, news_of_order, profit_of_the_day
from core.risk.account import Account
from core.runtime.breaker import Breakers
from core.runtime.scheduler import Scheduler
from core.settings.notify import NotifySettings

_EVERY_S = 2.0
_TOLD_MEMORY = 1_000


@dataclass(frozen=True, slots=True)
class Watched:
    account: Account
    executor: OrderExecutor | None
    """`None` in observe mode."""
    breakers: Mapping[str, Breakers]
    """By what they guard."""
    ledger: DecisionLedger | None
    models: Callable[[], Mapping[str, str]] = dict
    """Version by name of those in use."""


class NewsWatch:
    def __init__(
        self,
        watched: Watched,
        tell: Callable[[Notice], None],
        settings: NotifySettings,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._watched = watched
        self._tell = tell
        self._settings = settings
        self._wall = wall
        self._seen = Signs()
        self._orders = 0
        self._told: dict[ClientOrderId, None] = {}
        self._day: _Day | None = None

    def use(self, settings: NotifySettings) -> None:
        self._settings = settings

    def begin(self, scheduler: Scheduler) -> None:
        scheduler.every("news", _EVERY_S, self.look)

    def on_fact(self, fact: ExecutionFact) -> None:
        if (forced := news_of_force(fact)) is not None:
            self._tell(forced)
        order = done_order(fact)
        if order is None or order.client_order_id in self._told:
            return
        while len(self._told) >= _TOLD_MEMORY:
            del self._told[next(iter(self._told))]
        self._told[order.client_order_id] = None
        self._orders += 1
        if self._settings.fills:
            self._tell(news_of_order(order))

    async def look(self) -> None:
        before, self._seen = self._seen, self._signs()
        for notice in changes(before, self._seen):
            self._tell(notice)
        self._count_the_day()

    def _signs(self) -> Signs:
        watched = self._watched
        risk = watched.account.gate.statistics()
        return Signs(
            risk_level=risk.level.value,
            risk_reason=risk.reason,
            unknown_orders=watched.executor.statistics().unknown if watched.executor else 0,
            breakers={
                f"{kind} {name}": state.reason
                for kind, breakers in watched.breakers.items()
                for name, state in breakers.not_closed().items()
            },
            models=dict(watched.models()),
            ledger_failure=watched.ledger.statistics().failure if watched.ledger else "",
        )

    def _count_the_day(self) -> None:
        valuation = self._watched.account.valuation()
        if self._settings.profit_at is None or valuation.equity <= 0:
            return
        now = self._wall().astimezone(ZoneInfo(self._settings.time_zone))
        day, self._day = self._day, self._day or _Day(now, valuation.profit, self._orders)
        if day is None or now < day.ends(time.fromisoformat(self._settings.profit_at)):
            return
        self._day = _Day(now, valuation.profit, self._orders)
        since = f"{day.began:%Y-%m-%d %H:%M}"
        profit, orders = valuation.profit - day.profit, self._orders - day.orders
        self._tell(profit_of_the_day(profit, valuation.equity, valuation.currency, since, orders))


@dataclass(frozen=True, slots=True)
class _Day:
    """What the profit of a day is counted from."""

    began: datetime
    profit: Decimal
    orders: int

    def ends(self, at: time) -> datetime:
        """The next such time of day after its begin."""
        end = self.began.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        return end if end > self.began else end + timedelta(days=1)
