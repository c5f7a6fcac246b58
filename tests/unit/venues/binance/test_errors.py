"""The classification table, row by row, and its promises for any failure at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import (
    OrderRefused,
    OutcomeUnknown,
    RequestRefused,
    RuleBroken,
    StopWouldTrigger,
    SymbolRefused,
    VenueError,
    VenueUnavailable,
)
from core.venues.binance.errors import classify, retry_after_s, verdict
from core.venues.failures import Call, Failure, Verdict

R, F, U, N = Verdict.REFUSED, Verdict.FORBIDDEN, Verdict.UNAVAILABLE, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("code", "status", "message", "expected"),
    [
        (-1000, 500, "An unknown error occurred while processing the request.", N),
        (-1001, 500, "Internal error; unable to process your request. Please try again.", N),
        (-1002, 401, "You are not authorized to execute this request.", F),
        (-1003, 429, "Too much request weight used.", U),
        (-1003, 418, "Way too much request weight used; IP banned until 1700000000000.", U),
        (-1004, 503, "Server is busy, please wait and try again", U),
        (-1006, 503, "An unexpected response was received from the message bus. Execution status unknown.", N),
        (-1007, 503, "Timeout waiting for response from backend server.", N),
        (-1008, 503, "Request throttled by system-level protection.", U),
        (-1013, 400, "Filter failure: LOT_SIZE", R),
        (-1014, 400, "Unsupported order combination.", R),
        (-1015, 429, "Too many new orders.", U),
        (-1016, 503, "This service is no longer available.", U),
        (-1020, 400, "This operation is not supported.", F),
        (-1021, 400, "Timestamp for this request is outside of the recvWindow.", U),
        (-1022, 400, "Signature for this request is not valid.", F),
        (-1034, 429, "Too many concurrent connections.", U),
        (-1102, 400, "Mandatory parameter 'price' was not sent.", R),
        (-1111, 400, "Parameter 'price' has too much precision.", R),
        (-1121, 400, "Invalid symbol.", F),
        (-2010, 400, "Account has insufficient balance for requested action.", R),
        (-2010, 400, "Order would immediately match and take.", R),
        (-2010, 400, "Duplicate order sent.", N),
        (-2011, 400, "Unknown order sent.", R),
        (-2013, 400, "Order does not exist.", R),
        (-2014, 401, "API-key format invalid.", F),
        (-2015, 401, "Invalid API-key, IP, or permissions for action.", F),
        (-2016, 400, "No trading window could be found for the symbol.", F),
        (-4116, 400, "ClientOrderId is duplicated.", N),
        (-9999, 400, "a code nobody has seen", R),
        (-9999, 429, "a code nobody has seen", U),
        (-9999, 500, "a code nobody has seen", N),
        (-9999, 200, "a code nobody has seen", N),
        (None, 200, "", N),
        (None, 301, "", N),
        (None, 400, "", F),
        (None, 401, "", F),
        (None, 403, "", U),
        (None, 404, "", F),
        (None, 408, "", N),
        (None, 409, "", N),
        (None, 410, "", F),
        (None, 418, "", U),
        (None, 429, "", U),
        (None, 500, "", N),
        (None, 502, "", N),
        (None, 503, "", N),
        (None, 504, "", N),
    ],
)
def test_what_is_certain(code: int | None, status: int, message: str, expected: Verdict) -> None:
    assert verdict(Failure(sent=True, status=status, code=code, message=message)) is expected


@pytest.mark.parametrize(
    ("failure", "order_error", "read_error"),
    [
        (Failure(sent=True, status=400, code=-2010), OrderRefused, RequestRefused),
        (
            Failure(sent=True, status=400, code=-2010, message="Stop price would trigger immediately."),
            StopWouldTrigger,
            RequestRefused,
        ),
        (
            Failure(sent=True, status=400, code=-2010, message="Order would trigger immediately."),
            StopWouldTrigger,
            RequestRefused,
        ),
        (Failure(sent=True, status=400, code=-1121), SymbolRefused, SymbolRefused),
        (Failure(sent=True, status=400, code=-1013), RuleBroken, SymbolRefused),
        (Failure(sent=True, status=400, code=-4014), RuleBroken, SymbolRefused),
        (Failure(sent=True, status=503, code=-1008), VenueUnavailable, VenueUnavailable),
        (Failure(sent=True, status=503, code=-1007), OutcomeUnknown, VenueUnavailable),
        (Failure(sent=True, status=502), OutcomeUnknown, VenueUnavailable),
        (Failure(sent=True), OutcomeUnknown, VenueUnavailable),
        (Failure(sent=True, expired=True), OutcomeUnknown, VenueUnavailable),
        (Failure(sent=False), VenueUnavailable, VenueUnavailable),
        (Failure(sent=False, expired=True), VenueUnavailable, VenueUnavailable),
        (Failure(sent=False, kinds=("AuthenticationError", "ExchangeError")), RequestRefused, RequestRefused),
        (Failure(sent=False, kinds=("ConnectTimeout", "NetworkError")), VenueUnavailable, VenueUnavailable),
        (Failure(sent=True, kinds=("AuthenticationError",)), OutcomeUnknown, VenueUnavailable),
    ],
)
def test_the_same_failure_means_more_for_an_order_than_for_a_read(
    failure: Failure, order_error: type[VenueError], read_error: type[VenueError]
) -> None:
    assert type(classify(Call.ORDER, failure)) is order_error
    assert type(classify(Call.READ, failure)) is read_error


failures = st.builds(
    Failure,
    sent=st.booleans(),
    expired=st.booleans(),
    status=st.one_of(st.none(), st.integers(100, 599)),
    code=st.one_of(st.none(), st.integers(-5_000, 5_000)),
    message=st.text(max_size=20),
    retry_after_s=st.one_of(st.none(), st.floats(0, 1e6)),
    kinds=st.lists(st.sampled_from(["AuthenticationError", "NetworkError", "ExchangeError", "KeyError"])).map(tuple),
)


@given(failures, st.sampled_from(list(Call)))
def test_an_order_whose_answer_says_nothing_is_never_called_refused_or_absent(failure: Failure, call: Call) -> None:
    error = classify(call, failure)
    assert str(error)
    if call is Call.READ:
        assert not isinstance(error, OutcomeUnknown | OrderRefused)
    no_word = failure.code is None and (failure.status is None or not 400 <= failure.status < 500)
    if call is Call.ORDER and no_word and (failure.sent or failure.status is not None):
        assert isinstance(error, OutcomeUnknown)
    if failure.code is None and failure.status is None and not failure.sent:
        assert not isinstance(error, OutcomeUnknown)


@pytest.mark.parametrize(
    ("header", "message", "expected"),
    [
        ("30", "", 30.0),
        ("0", "", 0.0),
        (None, "", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "", None),
        (None, "Way too much request weight used; IP banned until 1700000060000. Please use WebSocket.", 60.0),
        (None, "IP banned until 1600000000000.", 0.0),
        ("7", "IP banned until 1700000060000.", 7.0),
    ],
)
def test_how_long_to_stay_away(header: str | None, message: str, expected: float | None) -> None:
    assert retry_after_s(header, message, now_ms=1_700_000_000_000) == expected
