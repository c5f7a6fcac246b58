"""A decision as bytes: JSON, deflated against words that nearly every decision has."""

import zlib
from typing import TypeVar

import msgspec

from core.decision.gates import GATES
from core.domain.errors import LedgerError
from core.domain.status import DecisionLine

T = TypeVar("T")

_RAW = -zlib.MAX_WBITS
"""No header and no checksum of its own: SQLite's pages are what is checked."""
_FAST = 1
_DICTIONARY = (
    '"cash_insufficient":"","exposure_gross":"","target_price":"","then_intent":"","orders":[],"models":{},'
    '"signal.rsi_reversion":"","signal.donchian_breakout":"","by_hand":"","also":"","FAILED","REFUSED","TRADE",'
    '"reason":"STALE_QUOTE age_s=4.2 limit_s=5","reason":"POSITION_HELD held= target=","SIGNAL_LONG strategy= side=buy '
    'quantity= limit=","intent":{"purpose":"entry","side":"sell","quantity":"0.0","type":"limit","reference_price":"",'
    '"price":"","stop_price":""},"1h|1d|5m|15m|ema_cross|BTC/USDT|1m|1760000100000","symbol":"ETH/USDT","strategy":'
    '"ema_cross","close_ms":1800000060000,"outcome":"NO_TRADE","reason":"SIGNAL_HOLD strategy=ema_cross","inputs":'
    '{"candle_age_s":"0.100","bid":"","ask":"","quote_age_s":"0.000","balance_age_s":"1.000","equity":"10000.00",'
    '"position":"0","in_flight":"0","signal.ema_cross":"HOLD fast above slow","features_hash.ema_cross":"",'
    '"feature.ema_cross.ema_fast":"","feature.ema_cross.ema_slow":"","last_close":"","volatility_pct":""},"timings_ms":'
    '{"strategy.ema_cross":0.0,"analysed":0.0,"decided":0.0},"intent_id":null,"gates":{'
    + "".join(f'"{gate}":"passed",' for gate in GATES)
    + "".join(f'"{gate}":"not asked",' for gate in GATES)
    + '"strategy":"no","size":"not asked"},"intent":{},"models":{},"sentence":"","orders":[]}{"cycle":"ema_cross|'
).encode()
"""Part of the format (`schema.VERSION`); the likeliest words stand last."""


def encode(line: DecisionLine) -> bytes:
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, _RAW, zdict=_DICTIONARY)
    return packer.compress(msgspec.json.encode(line)) + packer.flush()


def decode(body: bytes) -> DecisionLine:
    """Raises `LedgerError` for what `encode` cannot have made."""
    try:
        return read(zlib.decompressobj(_RAW, zdict=_DICTIONARY).decompress(body), DecisionLine)
    except zlib.error as error:
        raise LedgerError(f"damaged: a decision can't be unpacked: {error}") from error


def read(json: bytes, kind: type[T]) -> T:
    """Raises `LedgerError`."""
    try:
        return msgspec.json.decode(json, type=kind)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"damaged: {error}") from error
