"""What a market maker shows of options: bids and asks around their worth, open interest, volume."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.simulation.engine.options.pricing import Carry, Greeks, Terms, greeks, price
from core.simulation.engine.options.surface import Surface
from core.simulation.engine.process import FloatArray

_SPREAD_POWER = 0.7
"""By which spreads grow with what a contract costs: less than in proportion."""


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How one underlying's options are quoted. `spread` is about that of an at-the-money contract that costs 1;
    `ticks` are the price steps below and from `tick_change` on."""

    spread: float
    ticks: tuple[float, float]
    tick_change: float
    open_interest: float
    """Contracts at the most crowded strike."""
    smallest: float = 0.0
    """Half of the spread is never less."""


@dataclass(frozen=True, slots=True)
class Quotes:
    """All are (contracts,). Where `bid` is 0 nobody buys."""

    worth: FloatArray
    volatility: FloatArray
    bid: FloatArray
    ask: FloatArray
    greeks: Greeks
    open_interest: FloatArray


def quote(
    terms: Terms,
    spot: float | FloatArray,
    surface: Surface,
    carry: Carry,
    liquidity: Liquidity,
    jitter: FloatArray,
) -> Quotes:
    """`jitter`, in [0, 1) by contract, tells contracts apart that are otherwise alike."""
    spots = spot * np.ones(len(terms.strike))
    volatility = surface.implied_volatility(np.log(terms.strike / carry.forward(spots, terms.years)), terms.years)
    worth = price(terms, spots, volatility, carry)
    sensitivities = greeks(terms, spots, volatility, carry)
    bid, ask = bid_and_ask(terms, worth, sensitivities.delta, liquidity)
    interest = _open_interest(terms, spots, volatility, liquidity, jitter)
    return Quotes(worth, volatility, bid, ask, sensitivities, interest)


def bid_and_ask(
    terms: Terms, worth: FloatArray, delta: FloatArray, liquidity: Liquidity
) -> tuple[FloatArray, FloatArray]:
    """`worth` lies between them; bids of less than a tick are 0."""
    half = half_spread(terms, worth, np.abs(delta), liquidity)
    bid, ask = stepped(worth - half, liquidity, np.floor), stepped(worth + half, liquidity, np.ceil)
    return np.maximum(0.0, bid), ask


def half_spread(terms: Terms, worth: FloatArray, delta: FloatArray, liquidity: Liquidity) -> FloatArray:
    """Wider in relation for what is far away in strike or time, narrower for what costs much."""
    distance = 1 + 2.5 * np.abs(0.5 - delta) ** 2
    tenor = 0.8 + 0.7 * np.sqrt(terms.years)
    whole: FloatArray = liquidity.spread * distance * tenor * worth**_SPREAD_POWER
    return np.maximum(whole / 2, liquidity.smallest)


def stepped(prices: FloatArray, liquidity: Liquidity, round_to: np.ufunc) -> FloatArray:
    """On the price grid of the contract."""
    tick = np.where(prices < liquidity.tick_change, *liquidity.ticks)
    found: FloatArray = np.round(round_to(np.round(prices / tick, 6)) * tick, 6)
    return found


def jitter_of(symbols: list[str], salt: str) -> FloatArray:
    """A number in [0, 1) for each, the same in every process."""
    return np.array([_words(f"{salt}/{symbol}")[0] / 2**32 for symbol in symbols])


def words_of(symbol: str) -> list[int]:
    """For seeds."""
    return _words(symbol)


def _words(text: str) -> list[int]:
    digest = blake2b(text.encode(), digest_size=8).digest()
    return [int.from_bytes(digest[:4]), int.from_bytes(digest[4:])]


def _open_interest(
    terms: Terms, spot: FloatArray, volatility: FloatArray, liquidity: Liquidity, jitter: FloatArray
) -> FloatArray:
    """Most at round strikes near the money and out of it, and in contracts of one to three months."""
    distance = np.log(terms.strike / spot) / (volatility * np.sqrt(terms.years) + 1e-9)
    out_of_the_money = np.where(terms.is_call, distance, -distance)
    crowd = np.exp(-((out_of_the_money - 0.6) ** 2) / 3)
    age = np.exp(-(np.log(np.maximum(terms.years, 0.01) / 0.12) ** 2) / 4)
    found: FloatArray = np.floor(liquidity.open_interest * crowd * age * np.exp(2 * jitter - 1.5))
    return found


def crowding(terms: Terms, spot: FloatArray, volatility: FloatArray) -> FloatArray:
    """How much of the most that trades in a contract trades in these: near the money and near expiry, in (0, 1]."""
    distance = np.log(terms.strike / spot) / (volatility * np.sqrt(terms.years) + 1e-9)
    share: FloatArray = np.exp(-(distance**2) / 1.2) * np.exp(-3 * terms.years)
    return share


def no_bid(quotes: Quotes) -> NDArray[np.bool_]:
    """Where nobody buys no volatility is implied, and vendors tell no greeks."""
    return quotes.bid <= 0
