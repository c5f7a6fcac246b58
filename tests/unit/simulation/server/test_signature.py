import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.server import signature
from core.simulation.server.errors import ApiError
from core.simulation.server.parameters import Parameters

# Binance's own example: rest-api.md, "SIGNED request example (HMAC)".
DOCS_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
DOCS_QUERY = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
)
DOCS_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def test_the_documented_example_verifies() -> None:
    signature.verify(DOCS_SECRET, DOCS_QUERY, DOCS_SIGNATURE)


def test_the_documented_split_between_query_and_body_verifies() -> None:
    query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
    body = (
        "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        "&signature=0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    )
    signature.verify(DOCS_SECRET, signature.form_payload(query, body), body.rpartition("=")[2])


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=4), st.booleans())
def test_what_is_signed_is_what_was_sent(values: dict[str, str], is_query: bool) -> None:
    values.pop("signature", None)
    form = urlencode(values)
    digest = hmac.new(b"s", form.encode(), hashlib.sha256).hexdigest()
    signed = f"{form}&signature={digest}" if form else f"signature={digest}"
    query, body = (signed, "") if is_query else ("", signed)
    signature.verify("s", signature.form_payload(query, body), digest)


def test_socket_parameters_are_signed_in_order_of_their_names() -> None:
    params = {"timestamp": "1", "apiKey": "k", "symbol": "X", "signature": "zzz"}
    assert signature.sorted_payload(params) == "apiKey=k&symbol=X&timestamp=1"


def test_a_wrong_signature_is_refused() -> None:
    for wrong in ("0" * 64, "", "ünicode", DOCS_SIGNATURE[:-1]):
        with pytest.raises(ApiError) as caught:
            signature.verify(DOCS_SECRET, DOCS_QUERY, wrong)
        assert caught.value.code == -1022


NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (0, None, None),
        (999, None, None),
        (1_000, None, -1021),
        (-5_000, None, None),
        (-5_001, None, -1021),
        (-9_000, "10000", None),
        (-1, "0", -1021),
        (0, "60000", None),
        (0, "60001", -1131),
        (0, "5000.123", None),
        (0, "x", -1100),
    ],
)
def test_the_time_window(offset_ms: int, window: str | None, code: int | None) -> None:
    values = {"timestamp": str(NOW_MS + offset_ms)} | ({} if window is None else {"recvWindow": window})
    if code is None:
        signature.check_window(Parameters(values), NOW_MS)
        return
    with pytest.raises(ApiError) as caught:
        signature.check_window(Parameters(values), NOW_MS)
    assert caught.value.code == code


def test_timestamps_may_be_in_microseconds() -> None:
    signature.check_window(Parameters({"timestamp": str(NOW_MS * 1_000)}), NOW_MS)


def test_a_request_without_timestamp_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        signature.check_window(Parameters({}), NOW_MS)
    assert caught.value.code == -1102
