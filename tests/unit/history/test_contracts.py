from datetime import date

import pytest

from core.history.contracts import OptionContract, parse_contract


@pytest.mark.parametrize(
    ("symbol", "contract"),
    [
        ("SPY240119C00470000", OptionContract("SPY", date(2024, 1, 19), "call", 470.0)),
        ("BRK.B261218P00000500", OptionContract("BRK.B", date(2026, 12, 18), "put", 0.5)),
        ("BTC-27DEC24-100000-C", OptionContract("BTC", date(2024, 12, 27), "call", 100_000.0)),
        ("XRP_USDC-5JAN25-2d15-P", OptionContract("XRP_USDC", date(2025, 1, 5), "put", 2.15)),
        ("SPY", None),
        ("BTC-PERPETUAL", None),
        ("SPY241319C00470000", None),
        ("", None),
    ],
)
def test_contracts_are_read_from_their_names(symbol: str, contract: OptionContract | None) -> None:
    assert parse_contract(symbol) == contract


def test_digits_of_other_scripts_and_days_that_are_none_make_no_contract() -> None:
    assert parse_contract("SPY240230C00470000") is None
    assert parse_contract("SPY24011٩C00470000") is None
