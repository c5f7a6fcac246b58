from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import Parameters, decode_form, from_json


def refusal(call: object, *args: object) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        call(*args)
    return caught.value.code, caught.value.message


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_decodes_what_clients_encode(values: dict[str, str]) -> None:
    assert decode_form(urlencode(values)) == values


def test_the_query_wins_over_the_body() -> None:
    assert decode_form("a=1&b=2", "b=3&c=4") == {"a": "1", "b": "2", "c": "4"}


def test_a_name_given_twice_is_refused() -> None:
    assert refusal(decode_form, "a=1&a=2")[0] == -1101


@given(st.text(), st.text())
def test_any_text_decodes_or_is_refused(query: str, body: str) -> None:
    try:
        values = decode_form(query, body)
    except ApiError as error:
        assert error.code == -1101
    else:
        assert all(isinstance(value, str) for value in values.values())


def test_socket_parameters_become_the_text_that_is_signed() -> None:
    sent = {"a": 1, "b": True, "c": "x", "d": None, "e": 1.5, "f": ["BTCUSDT"]}
    assert from_json(sent) == {"a": "1", "b": "true", "c": "x", "e": "1.5", "f": '["BTCUSDT"]'}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("limit", "x", (-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")),
        ("limit", "", (-1105, "Parameter 'limit' was empty.")),
        ("limit", "99999999999999999999", (-1108, "Parameter 'limit' overflowed.")),
        ("limit", "-5", (-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")),
        ("limit", "٣", (-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")),
    ],
)
def test_integers(name: str, value: str, expected: tuple[int, str]) -> None:
    assert refusal(Parameters({name: value}).integer, name) == expected


def test_limits_are_brought_down_to_what_the_venue_gives() -> None:
    assert Parameters({"limit": "7000"}).limit(100, 5_000) == 5_000
    assert Parameters({}).limit(100, 5_000) == 100
    assert refusal(Parameters({"limit": "0"}).limit, 100, 5_000)[0] == -1130


@pytest.mark.parametrize("value", ["1e5", "-1", "NaN", "Infinity", "1,5", ".5", "0x10", "1.", " 1"])
def test_what_is_not_a_plain_decimal_is_no_amount(value: str) -> None:
    assert refusal(Parameters({"price": value}).amount, "price")[0] == -1100


def test_amounts_finer_than_eight_decimals_are_refused() -> None:
    assert Parameters({"q": "1.1234567800"}).amount("q") == Decimal("1.12345678")
    assert refusal(Parameters({"q": "1.123456789"}).amount, "q") == (
        -1111,
        "Parameter 'q' has too much precision.",
    )


def test_missing_mandatory_parameters_are_named() -> None:
    expected = (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    assert refusal(Parameters({}).required, "symbol") == expected
    assert refusal(Parameters({"symbol": ""}).required, "symbol") == expected


def test_unknown_parameters_are_counted() -> None:
    known = frozenset({"symbol"})
    Parameters({"symbol": "X"}).require_known(known)
    assert refusal(Parameters({"symbol": "X", "foo": "1"}).require_known, known) == (
        -1104,
        "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.",
    )
    assert refusal(Parameters({"foo": "1"}).require_known, frozenset()) == (
        -1101,
        "Too many parameters; expected '0' and received '1'.",
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [("BTCUSDT", -1100), ('["btcusdt"]', -1100), ('["A","A"]', -1151), ("[]", -1102), ('["A" ,"B"]', -1100)],
)
def test_malformed_symbol_lists(value: str, code: int) -> None:
    assert refusal(Parameters({"symbols": value}).symbol_list)[0] == code


def test_symbol_lists_keep_their_order() -> None:
    assert Parameters({"symbols": '["B","A"]'}).symbol_list() == ["B", "A"]
