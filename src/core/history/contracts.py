"""What the name of an option contract says of it. Pure.

Two spellings: OCC's without blanks (`SPY240119C00470000`: root, yymmdd, right, strike in thousandths of a dollar), as
Alpaca, LEAN and most vendors write it, and Deribit's (`BTC-27DEC24-100000-C`).
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

_OCC = re.compile(r"([A-Z][A-Z0-9.]{0,5})(\d{6})([CP])(\d{8})")
_DERIBIT = re.compile(r"([A-Z0-9_]+)-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:d\d+)?)-([CP])")
_RIGHTS = {"C": "call", "P": "put"}


@dataclass(frozen=True, slots=True)
class OptionContract:
    underlying: str
    expiry: date
    right: str
    """`call` or `put`."""
    strike: float
    """In the unit in which the source quotes strikes."""


@lru_cache(maxsize=65_536)
def parse_contract(symbol: str) -> OptionContract | None:
    """`None`: no contract's name."""
    if found := _OCC.fullmatch(symbol):
        root, day, right, strike = found.groups()
        return _contract(root, day, "%y%m%d", right, int(strike) / 1_000)
    if found := _DERIBIT.fullmatch(symbol):
        root, day, strike, right = found.groups()
        return _contract(root, day, "%d%b%y", right, float(strike.replace("d", ".")))
    return None


def _contract(underlying: str, day: str, spelling: str, right: str, strike: float) -> OptionContract | None:
    try:
        expiry = datetime.strptime(day, spelling).date()
    except ValueError:
        return None
    return OptionContract(underlying, expiry, _RIGHTS[right], strike)
