"""What the generated venue lists: well-known assets with the look of mid 2024, and any other made from its name."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import sha256
from math import ceil, exp, floor, log, log10

from core.domain.errors import SettingsError
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.simulation.engine.process import AssetTraits


@dataclass(frozen=True, slots=True)
class Asset:
    """`turnover_usd`: what trades a minute against all quotes, on an ordinary day, scaled down from the real world."""

    name: str
    price_usd: float
    traits: AssetTraits
    turnover_usd: float
    tick: str | None = None
    """Price step against a dollar; `None`: from the price."""
    lot: str | None = None
    """`None`: worth some ten cents."""


def _known(*rows: tuple[str, float, float, float, float, str, str]) -> dict[str, Asset]:
    return {
        name: Asset(name, price, AssetTraits(sigma_bps, correlation), turnover, tick, lot)
        for name, price, sigma_bps, correlation, turnover, tick, lot in rows
    }


# Name, USD, one-minute sigma in bps, correlation with the market, USD a minute, tick and lot (as on Binance, finer
# where its step is several bps wide).
KNOWN = _known(
    ("BTC", 60_000, 9.0, 0.85, 200_000, "0.01", "0.00001"),
    ("ETH", 3_000, 10.5, 0.85, 120_000, "0.01", "0.0001"),
    ("SOL", 150, 14.0, 0.75, 70_000, "0.01", "0.001"),
    ("BNB", 600, 9.5, 0.70, 40_000, "0.01", "0.001"),
    ("XRP", 0.60, 12.0, 0.65, 40_000, "0.0001", "0.1"),
    ("DOGE", 0.12, 14.0, 0.70, 30_000, "0.00001", "1"),
    ("ADA", 0.40, 12.5, 0.70, 15_000, "0.0001", "0.1"),
    ("AVAX", 28, 14.0, 0.70, 12_000, "0.001", "0.01"),
    ("LINK", 14, 13.0, 0.70, 12_000, "0.001", "0.01"),
    ("DOT", 6.2, 13.0, 0.70, 8_000, "0.001", "0.01"),
    ("TRX", 0.13, 8.0, 0.45, 8_000, "0.00001", "0.1"),
    ("LTC", 72, 11.5, 0.70, 8_000, "0.01", "0.001"),
    ("BCH", 380, 13.0, 0.65, 8_000, "0.01", "0.001"),
    ("UNI", 8.1, 15.0, 0.65, 6_000, "0.001", "0.01"),
    ("ATOM", 6.6, 13.5, 0.70, 5_000, "0.001", "0.01"),
    ("NEAR", 5.1, 15.5, 0.70, 7_000, "0.001", "0.1"),
    ("APT", 7.2, 15.0, 0.65, 5_000, "0.001", "0.01"),
    ("ARB", 0.82, 15.0, 0.70, 6_000, "0.0001", "0.1"),
    ("OP", 1.85, 15.5, 0.70, 6_000, "0.001", "0.01"),
    ("SUI", 1.15, 17.0, 0.65, 9_000, "0.0001", "0.1"),
    ("FIL", 4.5, 14.0, 0.70, 5_000, "0.001", "0.01"),
    ("ETC", 23.5, 13.0, 0.70, 5_000, "0.01", "0.01"),
    ("USDC", 1.0, 0.2, 0.0, 30_000, "0.0001", "1"),
    ("FDUSD", 1.0, 0.2, 0.0, 30_000, "0.0001", "1"),
)
_DOLLARS = frozenset(("USDT", "USD", "BUSD", "TUSD"))
_SMALLEST_STEP = -9
"""Exponent of the finest tick x lot that the engine counts in."""


@cache
def asset(name: str) -> Asset:
    """A known asset, a dollar, or one made up from its name: the same in every run and process."""
    if name in KNOWN:
        return KNOWN[name]
    if name in _DOLLARS:
        return Asset(name, 1.0, AssetTraits(0.0, 0.0), 0.0)
    price, sigma, correlation, turnover = (part / 0xFFFF for part in _parts(name))
    price_usd = exp(log(0.02) + price * log(300 / 0.02))
    traits = AssetTraits(9.0 + 9.0 * sigma, 0.4 + 0.4 * correlation)
    return Asset(name, float(f"{price_usd:.3g}"), traits, 1_500.0 * 10**turnover)


def split(symbol: InstrumentId) -> tuple[str, str]:
    """Base and quote of a unified spot symbol. Raises `SettingsError` when it is not one."""
    base, slash, quote = symbol.partition("/")
    if not (slash and _is_asset_name(base) and _is_asset_name(quote)) or base == quote:
        raise SettingsError(f"{symbol!r} is not a spot symbol like 'BTC/USDT'")
    return base, quote


def first_price(symbol: InstrumentId) -> float:
    """The built-in price, in quote."""
    base, quote = split(symbol)
    return asset(base).price_usd / asset(quote).price_usd


def instrument(symbol: InstrumentId, price: float | None = None) -> Instrument:
    """A spot instrument with steps that suit `price` (`None`: the built-in one). Raises `SettingsError`."""
    base_name, quote_name = split(symbol)
    base = asset(base_name)
    listed_price = first_price(symbol) if price is None else price
    lot = Decimal(base.lot) if base.lot is not None and price is None else _power(round(log10(0.1 / base.price_usd)))
    if quote_name in _DOLLARS and base.tick is not None and price is None:
        tick = Decimal(base.tick)
    else:
        tick = _power(max(floor(log10(listed_price)) - 4, _SMALLEST_STEP - lot.adjusted()))
    return spot_instrument(symbol, tick, lot, listed_price)


def spot_instrument(symbol: InstrumentId, tick: Decimal, lot: Decimal, price: float) -> Instrument:
    """A spot instrument with the limits Binance's usually have, for something that costs about `price`."""
    base, quote = split(symbol)
    five_dollars = 5 / asset(quote).price_usd
    return Instrument(
        id=symbol,
        venue_symbol=base + quote,
        kind=InstrumentKind.SPOT,
        base=base,
        quote=quote,
        settle=quote,
        tick_size=tick,
        lot_size=lot,
        min_quantity=lot,
        max_quantity=_power(ceil(log10(1e8 / asset(quote).price_usd / price))),
        market_max_quantity=_power(ceil(log10(3e6 / asset(quote).price_usd / price))),
        min_notional=Decimal(5) if quote in _DOLLARS else _power(round(log10(five_dollars))),
        max_notional=Decimal(9_000_000) if quote in _DOLLARS else None,
        price_band_up=Decimal("1.2"),
        price_band_down=Decimal("0.8"),
    )


def _is_asset_name(name: str) -> bool:
    return name.isascii() and name.isalnum() and name == name.upper()


def _parts(name: str) -> tuple[int, ...]:
    digest = sha256(name.encode()).digest()
    return tuple(int.from_bytes(digest[index : index + 2]) for index in range(0, 8, 2))


def _power(exponent: int) -> Decimal:
    return Decimal(10**exponent) if exponent >= 0 else Decimal(1).scaleb(max(exponent, -8))
