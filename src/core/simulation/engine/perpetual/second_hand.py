"""What happens every second: mark prices, triggers, what was good till now, funding, liquidation."""

from collections.abc import Mapping

from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.algo_desk import AlgoDesk
from core.simulation.engine.perpetual.desk import OrderDesk
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import AccountReason, FundingSettled, MarkPriceChanged
from core.simulation.engine.perpetual.liquidation import Liquidator
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.settlement import Settlement


class SecondHand:
    """`mark` each perpetual, then `strike` once."""

    __slots__ = ("_accounts", "_algo_desk", "_desk", "_liquidator", "_log", "_margins", "_perpetuals", "_settlement")

    def __init__(
        self,
        perpetuals: Mapping[str, Perpetual],
        accounts: Mapping[str, PerpetualAccount],
        settlement: Settlement,
        desk: OrderDesk,
        algo_desk: AlgoDesk,
        liquidator: Liquidator,
        margins: MarginBook,
        log: PerpetualLog,
    ) -> None:
        self._perpetuals = perpetuals
        self._accounts = accounts
        self._settlement = settlement
        self._desk = desk
        self._algo_desk = algo_desk
        self._liquidator = liquidator
        self._margins = margins
        self._log = log

    def mark(self, perpetual: Perpetual, index_price: int, now_ns: int) -> None:
        """Take the index price and say the mark price that follows."""
        marks = perpetual.marks
        marks.update(index_price, now_ns)
        self._margins.second += 1
        self._log.add(
            MarkPriceChanged(
                self._log.next(),
                now_ns,
                perpetual.name,
                marks.mark_price,
                index_price,
                marks.settle_price(),
                marks.funding_rate(),
                marks.next_funding_ns,
            )
        )

    def strike(self, now_ns: int) -> None:
        """Let everything react to the new mark prices."""
        for perpetual in self._perpetuals.values():
            self._expire(perpetual, now_ns)
            if perpetual.marks.mark_price:
                if now_ns >= perpetual.marks.next_funding_ns:
                    self._settle_funding(perpetual, now_ns)
                self._algo_desk.on_marked(perpetual, now_ns)
        for account in self._accounts.values():
            self._liquidator.check(account, now_ns)
        for perpetual in self._perpetuals.values():
            if perpetual.listing.traded_high >= 0:
                self._algo_desk.on_traded(perpetual.listing, now_ns)
            self._algo_desk.finish_children(perpetual, now_ns)
            perpetual.listing.log_book(now_ns)
        self._settlement.log_balances(now_ns)

    def _expire(self, perpetual: Perpetual, now_ns: int) -> None:
        if perpetual.timed:
            for order in [order for order in perpetual.timed.values() if order.good_till_ns <= now_ns]:
                self._desk.expire(order, now_ns)
        if perpetual.timed_algos:
            for algo in [algo for algo in perpetual.timed_algos.values() if algo.good_till_ns <= now_ns]:
                self._algo_desk.expire(algo, now_ns)

    def _settle_funding(self, perpetual: Perpetual, now_ns: int) -> None:
        """Longs and shorts exchange the funding; the house pays or gets the difference."""
        rate = perpetual.marks.settle_funding(now_ns)
        self._log.add(FundingSettled(self._log.next(), now_ns, perpetual.name, rate.rate, rate.mark_price))
        self._settlement.log_balances(now_ns)
        for account in self._accounts.values():
            for side in account.sides():
                position = account.positions.get((perpetual.name, side))
                if position is not None and position.lots:
                    self._settlement.pay_funding(perpetual, account, position, now_ns)
        self._settlement.log_balances(now_ns, AccountReason.FUNDING_FEE)
