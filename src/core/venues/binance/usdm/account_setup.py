"""What an account must be set to before its first order: one position a symbol, leverage, margin type."""

from collections.abc import Sequence

from core.domain.errors import RequestRefused
from core.domain.instruments import InstrumentId
from core.settings.venue import VenueSettings
from core.venues.binance.calls import SignedCalls
from core.venues.binance.instruments import venue_symbol
from core.venues.binance.usdm.decode import PositionMode

_NOTHING_TO_CHANGE = -4046
"""The margin type is as wanted."""


class AccountSetup:
    def __init__(self, calls: SignedCalls, settings: VenueSettings) -> None:
        self._calls = calls
        self._leverage = settings.leverage
        self._margin_type = settings.margin_type
        self._is_one_way = False

    def prepare(self, instrument_ids: Sequence[InstrumentId]) -> None:
        """See `VenueRest.prepare`. Asking for what is so already does no harm."""
        self._require_one_way()
        for instrument_id in instrument_ids:
            self._set_margin_type(instrument_id)
            self._set_leverage(instrument_id)

    def _require_one_way(self) -> None:
        """Asked once: it is dear (weight 30), and of the whole account."""
        if self._is_one_way:
            return
        mode = self._calls.read_signed(
            {}, lambda ccxt, signed: ccxt.fapiprivate_get_positionside_dual(signed), PositionMode
        )
        if mode.dual_side_position:
            raise RequestRefused(
                "the account is in hedge mode (a long and a short of one symbol side by side), which this bot does not"
                " trade: switch it to one-way mode in the futures preferences at the venue, with no position open"
            )
        self._is_one_way = True

    def _set_margin_type(self, instrument_id: InstrumentId) -> None:
        wanted = {"isolated": "ISOLATED", "cross": "CROSSED"}[self._margin_type]
        parameters = {"symbol": venue_symbol(instrument_id), "marginType": wanted}
        try:
            self._calls.change(parameters, lambda ccxt, signed: ccxt.fapiprivate_post_margintype(signed))
        except RequestRefused as refusal:
            if refusal.code != _NOTHING_TO_CHANGE:
                raise _explained(refusal, f'{instrument_id}: venue.margin_type = "{self._margin_type}"') from refusal

    def _set_leverage(self, instrument_id: InstrumentId) -> None:
        parameters = {"symbol": venue_symbol(instrument_id), "leverage": self._leverage}
        try:
            self._calls.change(parameters, lambda ccxt, signed: ccxt.fapiprivate_post_leverage(signed))
        except RequestRefused as refusal:
            raise _explained(refusal, f"{instrument_id}: venue.leverage = {self._leverage}") from refusal


def _explained(refusal: RequestRefused, setting: str) -> RequestRefused:
    return RequestRefused(
        f"{setting} cannot be set: {refusal.message} Close what is open there, or set it to what the account has.",
        code=refusal.code,
    )
