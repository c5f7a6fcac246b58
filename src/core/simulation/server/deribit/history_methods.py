"""Methods that tell of the past: trades, candles, funding, volatility."""

from operator import itemgetter

import numpy as np

from core.simulation.engine.coins.instruments import Instrument
from core.simulation.engine.coins.trades import NUMBERS_A_DAY, Candles, Trades, candles, future_candles
from core.simulation.engine.underlyings.sessions import DAY_S
from core.simulation.server.deribit import errors
from core.simulation.server.deribit.funding import HOUR_MS, hourly_rate
from core.simulation.server.deribit.market import DAY_MS, CoinMarket
from core.simulation.server.deribit.market_methods import KINDS, MarketMethods
from core.simulation.server.deribit.params import Params
from core.simulation.server.deribit.reply import Reply

_MINUTES = {"1": 1, "3": 3, "5": 5, "10": 10, "15": 15, "30": 30, "60": 60, "120": 120, "180": 180, "360": 360}
RESOLUTIONS = {**_MINUTES, "720": 720, "1D": 1_440}
"""Minutes of candles by name."""
MOST_CANDLES = 5_000
_MOST_TRADES = 1_000
_MOST_FUNDING = 744
_VOLATILITY_STEPS_S = {"1": 1, "60": 60, "3600": 3_600, "43200": 43_200, "1D": DAY_S}
_MOST_POINTS = 1_000
_BUSIEST_INSTRUMENTS = 12
"""Whose trades stand for those of a whole currency: the trades of a thousand contracts are too many to make."""
_LOOK_BACK_DAYS = 5
_MOST_A_DAY = 10_000
"""More trades than an instrument has in a day."""


class HistoryMethods:
    """As `MarketMethods`, some of which it asks."""

    def __init__(self, market: CoinMarket, present: MarketMethods) -> None:
        self._market = market
        self._present = present

    def trades_of_instrument(self, params: Params, now_ms: int) -> Reply:
        instrument = self._market.checked(params.instrument(), now_ms / 1_000)
        first, last = (
            params.integer(name, default, 0, 2**53) for name, default in (("start_seq", 0), ("end_seq", 2**53))
        )
        count, newest = self._count(params), self._is_newest(params, "start_seq", "start_timestamp")
        first_ms, last_ms = self._span(params, now_ms)
        if "start_seq" in params.values and params.time_ms("start_timestamp") is None:
            first_ms = self._day_ms(first // NUMBERS_A_DAY)
        last_ms = min(last_ms, self._day_ms(last // NUMBERS_A_DAY + 1))
        # Days are made whole: the numbers that are left out lie in the first and last of them.
        found = self._market.tape.between(instrument, first_ms, last_ms, at_most=count + _MOST_A_DAY, newest=newest)
        found = found.take((found.number >= first) & (found.number <= last))
        return _told([(instrument, found)], count, newest, is_ascending=self._is_ascending(params, newest))

    def trades_of_instrument_in_time(self, params: Params, now_ms: int) -> Reply:
        params.required_time_ms("start_timestamp")
        params.required_time_ms("end_timestamp")
        return self.trades_of_instrument(params, now_ms)

    def trades_of_currency(self, params: Params, now_ms: int) -> Reply:
        kind, count = params.choice("kind", KINDS, "any"), self._count(params)
        newest = self._is_newest(params, "start_id", "start_timestamp")
        first_ms, last_ms = self._span(params, now_ms)
        found = []
        for coin in self._present.coins(params):
            for each in self._busiest(coin, kind, now_ms):
                part = self._market.tape.between(each, first_ms, last_ms, at_most=count + 1, newest=newest)
                found.append((each, part))
        return _told(found, count, newest, is_ascending=self._is_ascending(params, newest))

    def trades_of_currency_in_time(self, params: Params, now_ms: int) -> Reply:
        params.required_time_ms("start_timestamp")
        params.required_time_ms("end_timestamp")
        return self.trades_of_currency(params, now_ms)

    def get_tradingview_chart_data(self, params: Params, now_ms: int) -> Reply:
        instrument = self._market.checked(params.instrument(), now_ms / 1_000)
        name = params.required("resolution")
        if name not in RESOLUTIONS:
            raise errors.invalid("resolution", "must be one of: " + ", ".join(RESOLUTIONS))
        length_ms = RESOLUTIONS[name] * 60_000
        first_ms = params.required_time_ms("start_timestamp")
        last_ms = min(params.required_time_ms("end_timestamp"), now_ms, int(instrument.expiry_s * 1_000) - 1)
        first_ms = max(first_ms, last_ms - MOST_CANDLES * length_ms + 1, int(instrument.listed_s * 1_000))
        found = self.candles(instrument, first_ms, last_ms, length_ms)
        return Reply(_chart(instrument, found), len(found.start_ms))

    def candles(self, instrument: Instrument, first_ms: int, last_ms: int, length_ms: int) -> Candles:
        """Between these times, both included; those without trades stand at the price before."""
        begin_ms = first_ms // length_ms * length_ms
        if not instrument.is_option:
            return future_candles(self._market.derivatives, instrument, begin_ms, last_ms, length_ms)
        # What was paid before is known from the days before.
        trades = self._market.tape.between(
            instrument, begin_ms - _LOOK_BACK_DAYS * DAY_MS, last_ms, at_most=2**60, newest=False
        )
        found = candles(trades, begin_ms, max(begin_ms, last_ms), length_ms)
        inside = (found.start_ms >= begin_ms) & (found.start_ms <= last_ms)
        return Candles(*(getattr(found, each)[inside] for each in Candles.__slots__))

    def get_funding_rate_value(self, params: Params, now_ms: int) -> Reply:
        coin, hours = self._funding_hours(params, now_ms)
        seed = self._market.derivatives.seed
        return Reply(sum(hourly_rate(seed, coin, hour) for hour in hours))

    def get_funding_rate_history(self, params: Params, now_ms: int) -> Reply:
        coin, hours = self._funding_hours(params, now_ms)
        derivatives = self._market.derivatives
        prices = [derivatives.index(coin, hour * HOUR_MS / 1_000) for hour in (hours.start - 1, *hours)]
        found = [
            {
                "timestamp": hour * HOUR_MS,
                "index_price": price,
                "prev_index_price": before,
                "interest_8h": sum(hourly_rate(derivatives.seed, coin, each) for each in range(hour - 7, hour + 1)),
                "interest_1h": hourly_rate(derivatives.seed, coin, hour),
            }
            for hour, before, price in zip(hours, prices, prices[1:], strict=False)
        ]
        return Reply(found, len(found))

    def get_historical_volatility(self, params: Params, now_ms: int) -> Reply:
        coins = self._present.coins(params)
        found: list[list[float]] = []
        for coin in coins[:1]:
            market = self._market.derivatives.market
            last = market.sessions.day_at(now_ms / 1_000)
            closes = market.day_bars(coin, max(0, last - 30), last - 1).close
            returns = np.diff(np.log(closes))
            for back in range(15, -1, -1):
                window = returns[max(0, len(returns) - 15 - back) : len(returns) - back]
                day_ms = int(market.sessions.midnight_s[last - back]) * 1_000
                found.append([day_ms, float(window.std() * 365**0.5 * 100)])
        return Reply(found, len(found))

    def get_volatility_index_data(self, params: Params, now_ms: int) -> Reply:
        coin = next(iter(self._present.coins(params)), None)
        if coin is None:
            raise errors.invalid("currency", "invalid currency")
        step_s = _VOLATILITY_STEPS_S[params.choice("resolution", _VOLATILITY_STEPS_S, "3600")]
        first_ms, last_ms = params.required_time_ms("start_timestamp"), params.required_time_ms("end_timestamp")
        sessions, step_ms = self._market.derivatives.market.sessions, step_s * 1_000
        last_ms = min(last_ms, now_ms)
        begin_ms = max(first_ms, int(sessions.slot_zero_s[0]) * 1_000)
        points = range(begin_ms // step_ms * step_ms, last_ms + 1, step_ms)
        told = points[-_MOST_POINTS:]
        rows = [[each, *self._volatility_candle(coin, each / 1_000, step_s)] for each in told]
        return Reply({"data": rows, "continuation": told[0] - 1 if len(told) < len(points) else None}, len(rows))

    def _volatility_candle(self, coin: str, begin_s: float, step_s: int) -> list[float]:
        """Open, high, low and close: between days the index goes in a straight line."""
        ends = [self.volatility_index(coin, begin_s), self.volatility_index(coin, begin_s + step_s)]
        return [ends[0], max(ends), min(ends), ends[1]]

    def volatility_index(self, coin: str, now_s: float) -> float:
        sessions = self._market.derivatives.market.sessions
        day = max(0, sessions.day_at(now_s))
        share = (now_s - float(sessions.slot_zero_s[day])) / DAY_S
        levels = self._market.derivatives.volatility_index(coin, np.array([day, day + 1]))
        return round(float(levels[0] * (1 - share) + levels[1] * share), 2)

    def _busiest(self, coin: str, kind: str, now_ms: int) -> list[Instrument]:
        listed = [
            each
            for each in self._market.derivatives.instruments.listed(coin, now_ms / 1_000)
            if kind in ("any", each.kind)
        ]
        futures, options = ([each for each in listed if each.is_option is wanted] for wanted in (False, True))
        if not options:
            return futures[:_BUSIEST_INSTRUMENTS]
        interest = self._market.derivatives.options(options, now_ms / 1_000).open_interest
        order = np.argsort(-interest, kind="stable")[:_BUSIEST_INSTRUMENTS]
        return [*futures[:2], *(options[row] for row in order)]

    def _day_ms(self, day: int) -> int:
        zeros_s = self._market.derivatives.market.sessions.slot_zero_s
        return int(zeros_s[min(day, len(zeros_s) - 1)]) * 1_000

    def _funding_hours(self, params: Params, now_ms: int) -> tuple[str, range]:
        instrument = self._market.checked(params.instrument(), now_ms / 1_000)
        if instrument.expiry is not None:
            raise errors.invalid("instrument_name", "must be a perpetual")
        first_ms, last_ms = params.required_time_ms("start_timestamp"), params.required_time_ms("end_timestamp")
        first_ms = max(first_ms, int(instrument.listed_s * 1_000) + HOUR_MS)
        hours = range(-(-first_ms // HOUR_MS), min(last_ms, now_ms) // HOUR_MS + 1)
        return instrument.coin, hours[-_MOST_FUNDING:]

    def _span(self, params: Params, now_ms: int) -> tuple[int, int]:
        start_ms, end_ms = params.time_ms("start_timestamp"), params.time_ms("end_timestamp")
        return (now_ms - 3 * DAY_MS if start_ms is None else start_ms), (
            now_ms if end_ms is None else min(now_ms, end_ms)
        )

    def _count(self, params: Params) -> int:
        return params.integer("count", 10, 1, _MOST_TRADES)

    @staticmethod
    def _is_newest(params: Params, *starts: str) -> bool:
        """Whether the last trades are wanted, and not the first after some start."""
        sorting = params.choice("sorting", ("asc", "desc", "default"), "default")
        return sorting == "desc" or (sorting == "default" and all(params.values.get(each) is None for each in starts))

    @staticmethod
    def _is_ascending(params: Params, newest: bool) -> bool:
        sorting = params.choice("sorting", ("asc", "desc", "default"), "default")
        return sorting == "asc" or (sorting == "default" and not newest)


def trade_rows(instrument: Instrument, trades: Trades) -> list[dict[str, object]]:
    """As answers and messages tell them."""
    found: list[dict[str, object]] = []
    before = np.concatenate((trades.price[:1], trades.price[:-1]))
    directions = np.where(trades.price > before, 0, np.where(trades.price < before, 2, 1))
    for row in range(len(trades)):
        amount = float(trades.amount[row])
        trade: dict[str, object] = {
            "trade_seq": int(trades.number[row]),
            "trade_id": f"{instrument.name}-{int(trades.number[row])}",
            "timestamp": int(trades.time_ms[row]),
            "tick_direction": int(directions[row]),
            "price": float(trades.price[row]),
            "mark_price": float(trades.mark[row]),
            "instrument_name": instrument.name,
            "index_price": float(trades.index[row]),
            "direction": "buy" if trades.is_buy[row] else "sell",
            "amount": amount,
            "contracts": amount if instrument.is_option else amount / (10 if instrument.coin == "BTC" else 1),
        }
        found.append(trade | {"iv": float(trades.volatility[row])} if instrument.is_option else trade)
    return found


def _told(found: list[tuple[Instrument, Trades]], count: int, newest: bool, *, is_ascending: bool) -> Reply:
    rows = [row for instrument, trades in found for row in trade_rows(instrument, trades)]
    rows.sort(key=itemgetter("timestamp", "trade_id"))
    chosen = rows[-count:] if newest else rows[:count]
    told = chosen if is_ascending else chosen[::-1]
    return Reply({"trades": told, "has_more": len(rows) > count}, len(told))


def _chart(instrument: Instrument, found: Candles) -> dict[str, object]:
    in_coins = found.amount if instrument.is_option else found.amount / np.maximum(found.close, 1e-9)
    cost = found.amount * found.close if instrument.is_option else found.amount
    return {
        "status": "ok" if len(found.start_ms) else "no_data",
        "ticks": found.start_ms.tolist(),
        "open": found.open.tolist(),
        "high": found.high.tolist(),
        "low": found.low.tolist(),
        "close": found.close.tolist(),
        "volume": np.round(in_coins, 8).tolist(),
        "cost": np.round(cost, 8).tolist(),
    }
