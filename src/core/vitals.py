"""Reads what the kill switch's triggers look at from the running parts."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from core.domain.facts import ExecutionFact
from core.domain.instruments import InstrumentId
from core.execution.executor import OrderExecutor
from core.market.picture import MarketPicture
from core.ports.clock import MonotonicClock
from core.risk.account import Account
from core.risk.request_outcomes import RequestOutcomes
from core.risk.triggers import Vitals
from core.settings.risk import RiskSettings


class VitalSigns:
    """The day's loss and the drawdown are the gate's own to measure: entries are judged by them."""

    def __init__(
        self,
        symbols: Iterable[InstrumentId],
        *,
        market: MarketPicture,
        account: Account,
        executor: OrderExecutor | None,
        lag_p99_ms: Callable[[], float | None],
        monotonic: MonotonicClock,
        settings: RiskSettings,
    ) -> None:
        """`lag_p99_ms`: of the loop, over the last minute; `None` before it is known. Without `executor` nothing is
        ordered."""
        self._symbols = tuple(symbols)
        self._market = market
        self._account = account
        self._executor = executor
        self._lag_p99_ms = lag_p99_ms
        self._monotonic = monotonic
        self._settings = settings
        self._outcomes = RequestOutcomes(settings.order_errors_window_s)
        self._began_ns = monotonic.now_ns()
        self._late_since_ns: int | None = None

    def use(self, settings: RiskSettings) -> None:
        self._settings = settings
        self._outcomes.use(settings.order_errors_window_s)

    def on_fact(self, fact: ExecutionFact) -> None:
        self._outcomes.on_fact(fact, self._monotonic.now_ns())

    def read(self) -> Vitals:
        now_ns = self._monotonic.now_ns()
        requests, failed = self._outcomes.count(now_ns)
        lag_ms = self._lag_p99_ms()
        return Vitals(
            requests=requests,
            failed_requests=failed,
            symbols=len(self._symbols),
            stale_symbols=sum(self._is_stale(each, now_ns) for each in self._symbols),
            breaks=tuple(each for each in self.breaks() if each not in self._account.gate.state().accepted),
            loop_lag_p99_ms=lag_ms,
            loop_lag_for_s=self._late_for_s(lag_ms, now_ns),
        )

    def breaks(self) -> tuple[str, ...]:
        """Every difference from the venue's books that matters now, in words."""
        if self._executor is None:
            return ()
        positions = self._executor.unexplained_positions()
        told = [f"{each} {_plain(by)}" for each, by in positions.items()]
        missing = (
            (asset, by) for asset, by in self._executor.unexplained_balances().items() if self._matters(asset, by)
        )
        refused = self._executor.refused_fills()
        return (*told, *(f"{asset} {_plain(by)}" for asset, by in missing), *refused)

    def begin_anew(self) -> None:
        """Trading begins, or is armed again: what was before counts no more."""
        self._outcomes.forget()
        self._late_since_ns = None
        self._began_ns = self._monotonic.now_ns()

    def _matters(self, asset: str, by: Decimal) -> bool:
        """Whether more is missing than the settings allow; what came in on top is a deposit."""
        equity = self._account.valuation().equity
        worth = by * self._account.rates().get(asset, Decimal(0))
        return equity > 0 and -worth > equity * Decimal(repr(self._settings.max_unexplained_pct)) / 100

    def _is_stale(self, symbol: InstrumentId, now_ns: int) -> bool:
        confirmed_ns = max(self._market.quote_confirmed_ns(symbol), self._began_ns)
        return now_ns - confirmed_ns > self._settings.stale_feeds_s * 1e9

    def _late_for_s(self, lag_ms: float | None, now_ns: int) -> float:
        limit_ms = self._settings.max_loop_lag_ms
        if lag_ms is None or limit_ms is None or lag_ms <= limit_ms:
            self._late_since_ns = None
            return 0.0
        if self._late_since_ns is None:
            self._late_since_ns = now_ns
        return (now_ns - self._late_since_ns) / 1e9


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
