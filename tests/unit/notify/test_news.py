from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from core.domain.facts import FillBooked, OrderChanged, OrderState, OrderView
from core.domain.notices import Notice, NoticeLevel
from core.news_watch import NewsWatch, Watched
from core.notify.news import Signs, changes, done_order, news_of_force
from core.risk.levels import RiskLevel
from core.settings.notify import NotifySettings
from unit.execution import making


def filled_order() -> OrderView:
    order = making.order().view()
    return replace(order, state=OrderState.FILLED, filled_quantity=Decimal(1), average_price=Decimal("100.50"))


@pytest.mark.parametrize(
    ("after", "level", "title"),
    [
        (
            Signs(risk_level="NO_ENTRY", risk_reason="DAILY_LOSS loss_pct=5.1 limit_pct=5"),
            "CRITICAL",
            "halted: NO_ENTRY",
        ),
        (Signs(unknown_orders=2), "WARNING", "2 orders of unknown outcome"),
        (Signs(breakers={"symbol BTC/USDT": "timeout"}), "WARNING", "left alone after failures: symbol BTC/USDT"),
        (Signs(models={"clstm": "7"}), "INFO", "model clstm is now 7"),
        (Signs(ledger_failure="disk full"), "WARNING", "decisions are not recorded: disk full"),
    ],
)
def test_a_change_is_told_once_and_that_it_is_over(after: Signs, level: str, title: str) -> None:
    (told,) = changes(Signs(), after)
    assert (told.level.name, told.title) == (level, title)
    assert list(changes(after, after)) == []
    (over,) = changes(after, Signs())
    assert over.level <= NoticeLevel.WARNING


def test_a_halt_says_why_in_words() -> None:
    (told,) = changes(Signs(), Signs(risk_level="NO_ENTRY", risk_reason="DAILY_LOSS loss_pct=5.1 limit_pct=5"))
    assert told.body == "the day's loss is 5.1 % (limit 5 %)"


def test_an_order_is_done_when_all_of_it_is_booked() -> None:
    done = filled_order()
    assert done_order(OrderChanged(done, OrderState.ACCEPTED)) == done
    assert done_order(FillBooked(making.fill(), done)) == done
    assert done_order(FillBooked(making.fill(), replace(done, state=OrderState.PARTIALLY_FILLED))) is None
    assert done_order(OrderChanged(replace(done, unbooked_quantity=Decimal(1)), OrderState.ACCEPTED)) is None
    assert done_order(OrderChanged(replace(done, state=OrderState.CANCELLED), OrderState.ACCEPTED)) is not None
    rejected = replace(making.order().view(), state=OrderState.REJECTED)
    assert done_order(OrderChanged(rejected, OrderState.SUBMITTING)) is None
    assert done_order(FillBooked(making.fill(), None)) is None


def test_what_the_venue_forces_on_us_is_critical() -> None:
    told = news_of_force(FillBooked(making.fill(is_forced=True), None))
    assert told is not None
    assert told.level is NoticeLevel.CRITICAL
    assert news_of_force(FillBooked(making.fill(), filled_order())) is None


class House:
    """Stands for account, gate and executor."""

    def __init__(self) -> None:
        self.level, self.profit, self.now = RiskLevel.NORMAL, Decimal(0), datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.told: list[Notice] = []

    def watch(self, **settings: object) -> NewsWatch:
        gate = SimpleNamespace(statistics=lambda: SimpleNamespace(level=self.level, reason="OPERATOR_REQUEST by=me"))
        account = SimpleNamespace(
            gate=gate,
            valuation=lambda: SimpleNamespace(equity=Decimal(1_000), profit=self.profit, currency="USDT"),
        )
        watched = Watched(account, None, {}, None)
        return NewsWatch(watched, self.told.append, NotifySettings(**settings), lambda: self.now)

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.told]


async def test_each_order_is_told_once_however_many_facts_end_it() -> None:
    house = House()
    watch = house.watch()
    done = filled_order()
    for fact in (FillBooked(making.fill(), done), OrderChanged(done, OrderState.ACCEPTED)):
        watch.on_fact(fact)
    assert house.titles == ["bought 1 BTC/USDT at 100.5"]
    silent = House()
    silent.watch(fills=False).on_fact(OrderChanged(done, OrderState.ACCEPTED))
    assert silent.told == []


async def test_the_profit_of_the_day_is_told_at_its_hour() -> None:
    house = House()
    watch = house.watch(profit_at="00:00", time_zone="Europe/Berlin")
    await watch.look()
    house.profit = Decimal("12.346")
    watch.on_fact(OrderChanged(filled_order(), OrderState.ACCEPTED))
    house.told.clear()
    house.now += timedelta(hours=10, minutes=59)
    await watch.look()
    assert house.told == []
    house.now += timedelta(minutes=2)
    await watch.look()
    await watch.look()
    (told,) = house.told
    assert told.title == "profit +12.35 USDT since 2026-11-22 13:00"
    assert told.body == "equity 1,000.00 USDT, 1 orders filled"
    house.profit = Decimal("2.345")
    house.now += timedelta(days=1)
    await watch.look()
    assert house.titles[1] == "profit -10.00 USDT since 2026-11-23 00:01"


async def test_a_halt_is_told_by_the_next_look() -> None:
    house = House()
    watch = house.watch()
    await watch.look()
    house.level = RiskLevel.NO_ENTRY
    await watch.look()
    await watch.look()
    assert house.titles == ["halted: NO_ENTRY"]
