"""Instruments as `get_instruments` lists them."""

from core.simulation.engine.coins.derivatives import OPTION_LIQUIDITY, future_tick
from core.simulation.engine.coins.instruments import NEVER_MS, Instrument
from core.simulation.engine.options.quotes import words_of

_LEAST_OPTIONS = {"BTC": 0.1, "ETH": 1.0}
_CONTRACT_SIZES = {"BTC": 10.0, "ETH": 1.0}


def instrument_payload(instrument: Instrument, now_s: float) -> dict[str, object]:
    coin, (low, high) = instrument.coin, OPTION_LIQUIDITY.ticks
    shared: dict[str, object] = {
        "price_index": f"{coin.lower()}_usd",
        "kind": instrument.kind,
        "instrument_name": instrument.name,
        "maker_commission": 0.0003 if instrument.is_option else 0.0,
        "taker_commission": 0.0003 if instrument.is_option else 0.0005,
        "instrument_type": "reversed",
        "expiration_timestamp": NEVER_MS if instrument.expiry is None else int(instrument.expiry_s * 1_000),
        "creation_timestamp": int(instrument.listed_s * 1_000),
        "is_active": instrument.expiry_s > now_s,
        "instrument_id": words_of(instrument.name)[0] % 1_000_000,
        "settlement_currency": coin,
        "settlement_period": instrument.period,
        "base_currency": coin,
        "counter_currency": "USD",
        "block_trade_commission": 0.0003 if instrument.is_option else 0.00025,
        "rfq": False,
    }
    if instrument.is_option:
        return shared | {
            "option_type": "call" if instrument.is_call else "put",
            "strike": instrument.strike,
            "quote_currency": coin,
            "tick_size": low,
            "tick_size_steps": [{"above_price": OPTION_LIQUIDITY.tick_change, "tick_size": high}],
            "contract_size": 1.0,
            "min_trade_amount": _LEAST_OPTIONS[coin],
            "max_leverage": 1,
            "max_liquidation_commission": 0.0075,
            "block_trade_min_trade_amount": 25,
            "block_trade_tick_size": low,
        }
    return shared | {
        "future_type": "reversed",
        "quote_currency": "USD",
        "tick_size": future_tick(coin),
        "tick_size_steps": [],
        "contract_size": _CONTRACT_SIZES[coin],
        "min_trade_amount": _CONTRACT_SIZES[coin],
        "max_leverage": 50,
        "max_non_default_leverage": 5,
        "max_liquidation_commission": 0.0075,
        "block_trade_min_trade_amount": 200_000,
        "block_trade_tick_size": 0.01,
    }
