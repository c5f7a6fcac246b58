"""The account as decisions see it: facts, balances from two sources, and what they come to."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import FillBooked, OrderState
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import Balance, BalancesChanged, Fill, Side, TradeId, VenueOrderId
from core.portfolio.portfolio import Portfolio
from core.risk.account import Account
from core.risk.approval import ApprovedIntent, Refused
from core.risk.gate import RiskGate
from core.runtime.clocks import VirtualClock
from core.settings.risk import RiskSettings
from tests.unit.instruments import perpetual, quote, spot
from tests.unit.risk.orders import NOW, entry, exit_, later, order_of

D = Decimal
BTC, ETH = spot("BTC/USDT"), spot("ETH/USDT")


class World:
    """`prices` may be changed at any time; the account looks again after `jump`."""

    def __init__(self, *instruments: Instrument, **risk: Any) -> None:
        listed = {each.id: each for each in instruments or (BTC, ETH)}
        self.prices: dict[InstrumentId, Decimal] = {BTC.id: D(100), ETH.id: D(10)}
        self.clock = VirtualClock(NOW.monotonic_ns)
        self.account = Account(
            Portfolio("USDT", listed),
            RiskGate(RiskSettings(**risk)),
            "USDT",
            price=self.prices.get,
            instruments=lambda: listed,
            monotonic=self.clock,
        )

    def read(self, asked_ns: int = NOW.trading_ns, **totals: str) -> None:
        """The venue's answer to the question what the account holds."""
        balances = {asset: Balance(asset, D(total), D(0)) for asset, total in totals.items()}
        self.account.on_account_read(balances, asked_ns, NOW)

    def told(self, event_ns: int, **totals: str) -> None:
        """What the private stream says."""
        balances = tuple(Balance(asset, D(total), D(0)) for asset, total in totals.items())
        self.account.on_balances_changed(BalancesChanged(balances, event_ns), NOW)

    def fill(self, number: int, side: str, quantity: str, price: str, *, ours: bool = True) -> None:
        fill = Fill(
            BTC.id,
            TradeId(str(number)),
            VenueOrderId("1"),
            None,
            Side(side),
            D(price),
            D(quantity),
            D(0),
            "USDT",
            False,
            number,
        )
        order = order_of(entry(number, quantity), OrderState.FILLED, quantity) if ours else None
        self.account.on_fact(FillBooked(fill, order))

    def total(self, asset: str) -> Decimal | None:
        held = self.account.balances.get(asset)
        return None if held is None else held.total


def test_what_the_venue_does_not_list_any_more_is_gone() -> None:
    world = World()
    world.read(USDT="1000", BTC="2")
    world.read(NOW.trading_ns + 1, USDT="1200")
    assert (world.total("USDT"), world.total("BTC")) == (D(1200), D(0))
    assert world.account.sellable(BTC) == 0


def test_an_answer_that_was_overtaken_by_the_stream_changes_nothing_it_is_too_old_for() -> None:
    world = World()
    world.read(asked_ns=1_000, USDT="1000")
    world.told(2_000, BTC="1", USDT="900")
    world.read(asked_ns=1_500, USDT="1000", ETH="5")
    assert (world.total("USDT"), world.total("BTC"), world.total("ETH")) == (D(900), D(1), D(5))
    world.read(asked_ns=2_500, USDT="890")
    assert (world.total("USDT"), world.total("BTC"), world.total("ETH")) == (D(890), D(0), D(0))


@given(
    said=st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from(["USDT", "BTC"]), st.integers(0, 9)), min_size=1, max_size=12
    )
)
def test_the_newest_word_of_the_stream_stands_in_whatever_order_it_comes(said: list[tuple[int, str, int]]) -> None:
    world = World()
    newest: dict[str, tuple[int, int]] = {}
    for event_ns, asset, total in said:
        world.told(event_ns, **{asset: str(total)})
        if event_ns >= newest.get(asset, (-1, 0))[0]:
            newest[asset] = (event_ns, total)
    for asset, (_, total) in newest.items():
        assert world.total(asset) == total


def test_balances_are_as_old_as_the_last_proof_that_they_hold() -> None:
    world = World()
    assert world.account.balances_stamp is None
    world.read(asked_ns=77, USDT="1")
    world.account.confirm_balances(later(30))
    stamp = world.account.balances_stamp
    assert stamp is not None
    assert (stamp.event_ns, stamp.age_s(later(31))) == (77, 1.0)


def test_cash_is_adopted_beyond_what_fills_explain() -> None:
    world = World()
    world.fill(1, "buy", "2", "100")
    world.read(USDT="800", BTC="2")
    assert world.account.adopt_cash() == ()
    assert world.account.free_cash("USDT") == 800
    assert world.account.valuation().equity == 1_000
    assert world.account.valuation().profit == 0
    world.prices[BTC.id] = D(110)
    world.clock.jump(1.0)
    assert world.account.valuation().profit == 20


def test_an_account_that_spent_all_its_cash_is_adopted_too() -> None:
    world = World()
    world.fill(1, "buy", "2", "100")
    world.read(BTC="2")  # venues leave out what is zero
    world.account.adopt_cash()
    assert world.account.free_cash("USDT") == 0
    assert world.account.valuation().equity == 200


def test_what_has_no_price_stays_out_of_the_books_and_is_named_where_something_settles_in_it() -> None:
    world = World(BTC, spot("BTC/USDC"))
    world.read(USDT="500", USDC="700", SHIB="1000000", BTC="3")
    assert world.account.adopt_cash() == ("USDC",)
    assert world.account.valuation().equity == 500
    assert world.account.free_cash("USDC") == 0


def test_a_foreign_fill_is_no_position_of_ours() -> None:
    world = World()
    world.fill(1, "buy", "2", "100", ours=False)
    assert world.account.position(BTC.id).quantity == 0
    assert world.account.marks() == {}


def test_sellable_is_what_the_account_holds_of_the_base_asset() -> None:
    world = World(BTC, perpetual())
    assert world.account.sellable(BTC) is None, "not known yet"
    world.told(1, BTC="1.5")
    assert world.account.sellable(BTC) == D("1.5")
    assert world.account.sellable(perpetual()) is None


def test_what_was_traded_since_the_venue_last_spoke_of_it_is_not_known() -> None:
    """Else an exit would wait for balances that a private stream in pieces does not bring."""
    world = World()
    world.read(asked_ns=100, USDT="1000")
    assert world.account.sellable(BTC) == 0
    world.fill(150, "buy", "2", "100")
    assert world.account.sellable(BTC) is None
    assert world.account.sellable(ETH) == 0
    world.told(150, BTC="2")
    assert world.account.sellable(BTC) == 2
    world.fill(160, "sell", "1", "100", ours=False)
    assert world.account.sellable(BTC) is None
    world.read(asked_ns=170, BTC="1")
    assert world.account.sellable(BTC) == 1


def test_prices_are_looked_at_again_after_a_moment_and_after_each_fill() -> None:
    world = World()
    world.read(USDT="1000")
    world.account.adopt_cash()
    assert world.account.valuation().exposures == {}
    world.fill(1, "buy", "1", "100")
    assert world.account.valuation().exposures == {BTC.id: 100}
    assert world.account.rates() == {"USDT": 1, "BTC": 100, "ETH": 10}
    world.prices[BTC.id] = D(150)
    assert world.account.rates()["BTC"] == 100, "a hundred symbols that close together ask once"
    world.clock.jump(0.051)
    assert world.account.rates()["BTC"] == 150
    assert world.account.equity_in("BTC") == D(1_050) / 150
    assert world.account.equity_in("DOGE") == 0


def test_marks_are_prices_of_what_is_held() -> None:
    world = World()
    world.fill(1, "buy", "1", "100")
    assert world.account.marks() == {BTC.id: 100}
    del world.prices[BTC.id]
    assert world.account.marks() == {}
    assert world.account.valuation().unpriced == (BTC.id,)
    world.fill(2, "sell", "1", "100")
    assert world.account.marks() == {}


def test_an_approved_entry_takes_its_cash_out_of_what_is_free() -> None:
    world = World(max_gross_exposure_pct=None)
    world.read(USDT="1000")
    world.account.adopt_cash()
    listed = {BTC.id: BTC, ETH.id: ETH}
    quotes = {BTC.id: quote(100, "100.01", confirmed_ns=NOW.monotonic_ns)}
    approved = world.account.judge(entry("first", "6"), listed, quotes, NOW)
    assert isinstance(approved, ApprovedIntent), approved
    assert world.account.free_cash("USDT") <= 1_000 - 600
    refused = world.account.judge(entry("second", "6"), listed, quotes, NOW)
    assert isinstance(refused, Refused)
    assert refused.reason.code == "CASH_INSUFFICIENT"
    assert isinstance(world.account.judge(exit_("third", "1"), listed, quotes, NOW), Refused), "nothing is held"


def test_the_days_loss_is_measured_on_what_the_account_is_worth() -> None:
    world = World(max_daily_loss_pct=5.0)
    world.read(USDT="1000")
    world.account.adopt_cash()
    world.fill(1, "buy", "5", "100")
    assert world.account.observe(NOW) is None
    world.prices[BTC.id] = D(89)
    world.clock.jump(1.0)
    reason = world.account.observe(later(1))
    assert reason is not None
    assert reason.code == "DAILY_LOSS"
    assert world.account.observe(later(2)) is None, "said once"
