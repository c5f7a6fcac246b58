"""What an account must be set to before its first order."""

from typing import Any

import pytest

from core.domain.errors import RequestRefused
from core.domain.instruments import InstrumentId
from core.settings.venue import VenueSettings
from core.venues.binance.usdm.account_setup import AccountSetup
from core.venues.binance.usdm.decode import PositionMode

BTC = InstrumentId("BTC/USDT:USDT")


class Recorded:
    """Takes the place of ccxt and of the calls that lead to it: notes what is asked, refuses what a test says."""

    def __init__(self, *, is_hedged: bool = False, refusals: dict[str, RequestRefused] | None = None) -> None:
        self.is_hedged = is_hedged
        self.refusals = refusals or {}
        self.asked: list[tuple[str, Any]] = []

    def read_signed(self, parameters: dict[str, object], send: Any, shape: Any) -> Any:
        send(self, parameters)
        return PositionMode(self.is_hedged) if shape is PositionMode else None

    def change(self, parameters: dict[str, object], send: Any) -> None:
        send(self, parameters)

    def __getattr__(self, name: str) -> Any:
        def call(parameters: dict[str, object]) -> None:
            self.asked.append((name, parameters))
            if name in self.refusals:
                raise self.refusals[name]

        return call


def prepared(calls: Recorded, **settings: Any) -> Recorded:
    AccountSetup(calls, VenueSettings(name="binance", **settings)).prepare([BTC])
    return calls


def test_margin_type_and_leverage_are_set_for_each_symbol() -> None:
    asked = prepared(Recorded(), leverage=3, margin_type="cross").asked
    assert asked[1:] == [
        ("fapiprivate_post_margintype", {"symbol": "BTCUSDT", "marginType": "CROSSED"}),
        ("fapiprivate_post_leverage", {"symbol": "BTCUSDT", "leverage": 3}),
    ]


def test_a_margin_type_that_is_so_already_is_fine() -> None:
    already = RequestRefused("No need to change margin type.", code=-4046)
    assert len(prepared(Recorded(refusals={"fapiprivate_post_margintype": already})).asked) == 3


def test_hedge_mode_is_refused_with_what_to_do_and_nothing_is_changed() -> None:
    calls = Recorded(is_hedged=True)
    with pytest.raises(RequestRefused, match="switch it to one-way mode"):
        prepared(calls)
    assert [name for name, _ in calls.asked] == ["fapiprivate_get_positionside_dual"]


def test_a_leverage_that_the_venue_does_not_have_is_named() -> None:
    refusal = RequestRefused("Leverage 125 is not valid.", code=-4028)
    with pytest.raises(RequestRefused, match=r"BTC/USDT:USDT: venue\.leverage = 125 cannot be set: Leverage 125"):
        prepared(Recorded(refusals={"fapiprivate_post_leverage": refusal}), leverage=125)
