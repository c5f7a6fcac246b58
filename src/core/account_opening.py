"""The account that is traded, before anything is known of it."""

from collections.abc import Callable

from core.domain.freshness import Moment
from core.listing import Listing
from core.market.picture import MarketPicture
from core.portfolio.portfolio import Portfolio
from core.ports.clock import MonotonicClock
from core.risk.account import Account
from core.risk.gate import RiskGate, RiskState
from core.settings.tree import Settings


def account_of(
    settings: Settings,
    risk_state: RiskState,
    *,
    listing: Listing,
    market: MarketPicture,
    monotonic: MonotonicClock,
    now: Callable[[], Moment],
) -> Account:
    """In observe mode it has what the settings say, for nobody else will."""
    traded = listing.traded()
    currency = next(iter(traded.values())).settle
    portfolio = Portfolio(currency, traded)
    observes = settings.trading.mode == "observe"
    if observes:
        portfolio.deposit(currency, settings.trading.observe_equity)
    account = Account(
        portfolio,
        RiskGate(settings.risk, risk_state),
        currency,
        price=market.exact_price,
        instruments=listing.traded,
        monotonic=monotonic,
    )
    if observes:
        account.assume_balances(now())
    return account
