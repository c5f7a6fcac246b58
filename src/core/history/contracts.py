"""What the name of an option contract says of it. Pure.

Two spellings: OCC's without blanks (`SPY240119C00470000`: root, yymmdd, right, strike in thousandths of a dollar), as
Alpaca, LEAN and most vendors write it, and Deribit's (`BTC-27DEC24-100000-C`).
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

_OCC = re.compile(r"([A-Z][A-Z0-9.]{0,5})(\d\d)(\d\d)(\d\d)([CP])(\d{8})", re.ASCII)
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
        root, year, month, day, right, strike = found.groups()
        try:  # chains have thousands: `strptime` takes ten times as long
            expiry = date(2_000 + int(year), int(month), int(day))
        except ValueError:
            return None
        return OptionContract(root, expiry, _RIGHTS[right], int(strike) / 1_000)
    if found := _DERIBIT.fullmatch(symbol):
        root, day, strike, right = found.groups()
        try:
            expiry = datetime.strptime(day, "%d%b%y").date()
        except ValueError:
            return None
        return OptionContract(root, expiry, _RIGHTS[right], float(strike.replace("d", ".")))
    return None
