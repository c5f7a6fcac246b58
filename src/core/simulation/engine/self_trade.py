"""Self-trade prevention: what two orders of one account lose instead of trading (Binance's STP FAQ)."""

from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.special import PreventedMatch, SelfTradePrevention

_TAKER_ENDS = frozenset((SelfTradePrevention.EXPIRE_TAKER, SelfTradePrevention.EXPIRE_BOTH))
_MAKER_ENDS = frozenset((SelfTradePrevention.EXPIRE_MAKER, SelfTradePrevention.EXPIRE_BOTH))


def prevented_match(taker: RestingOrder, maker: RestingOrder, price: int, match_id: int, now_ns: int) -> PreventedMatch:
    """What the taker's mode takes from each of them; the taker has one, and wants all that remains of it."""
    mode = taker.prevention
    assert mode is not None  # noqa: S101 the matcher asks for takers with a mode alone
    would_trade = min(taker.remaining, maker.displayed)
    decremented = would_trade if mode is SelfTradePrevention.DECREMENT else 0
    return PreventedMatch(
        taker.account.key,
        taker.symbol,
        match_id,
        taker.order_id,
        maker.order_id,
        mode,
        price,
        would_trade,
        taker.remaining if mode in _TAKER_ENDS else decremented,
        maker.remaining if mode in _MAKER_ENDS else decremented,
        now_ns,
    )


def lose(order: RestingOrder, lots: int, match: PreventedMatch, now_ns: int) -> None:
    """Take `lots` from an order without a trade."""
    order.remaining -= lots
    order.updated_ns = now_ns
    before = order.special.prevented if order.special is not None else 0
    order.note(prevented=before + lots, prevented_match_id=match.match_id, ended_in_match=not order.remaining)
