"""ccxt's classes, HTTP status and what had left, as the house's errors."""

import pytest

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
from core.venues.ccxt_import import exchange_class
from core.venues.failures import Call, Failure
from core.venues.generic.client import code_in, without_queries
from core.venues.generic.errors import classify

exchange_class("kraken")
from ccxt.base import errors as ccxt_errors  # noqa: E402  # after the stand-in, or all of ccxt is loaded


def raised(
    call: Call, kind: str, status: int | None = 400, *, sent: bool = True, message: str = "no"
) -> type[VenueError]:
    kinds = tuple(each.__name__ for each in getattr(ccxt_errors, kind).__mro__)
    return type(classify(call, Failure(sent=sent, status=status, message=message, kinds=kinds)))


@pytest.mark.parametrize(
    ("kind", "status", "sent", "expected"),
    [
        ("InsufficientFunds", 400, True, OrderRefused),
        ("InvalidOrder", 200, True, RuleBroken),
        ("OrderNotFound", 400, True, OrderRefused),
        ("MarketClosed", 200, True, RuleBroken),
        ("BadRequest", 400, True, OrderRefused),
        ("ExchangeError", 400, True, OrderRefused),
        ("BadSymbol", 400, True, SymbolRefused),
        ("BadSymbol", None, False, SymbolRefused),
        ("PermissionDenied", 403, True, RequestRefused),
        ("ArgumentsRequired", None, False, RequestRefused),
        ("ExchangeError", 200, True, OutcomeUnknown),
        ("DuplicateOrderId", 400, True, OutcomeUnknown),
        ("NetworkError", None, True, OutcomeUnknown),
        ("RequestTimeout", None, True, OutcomeUnknown),
        ("InvalidNonce", 400, True, OutcomeUnknown),
        ("RateLimitExceeded", 200, True, OutcomeUnknown),
        ("BadResponse", 200, True, OutcomeUnknown),
        ("InsufficientFunds", 502, True, OutcomeUnknown),
        ("OnMaintenance", 503, True, OutcomeUnknown),
        ("RateLimitExceeded", 429, True, VenueUnavailable),
        ("DDoSProtection", 418, True, VenueUnavailable),
        ("NetworkError", None, False, VenueUnavailable),
        ("RequestTimeout", None, False, VenueUnavailable),
    ],
)
def test_what_an_order_call_that_failed_means(
    kind: str, status: int | None, sent: bool, expected: type[VenueError]
) -> None:
    assert raised(Call.ORDER, kind, status, sent=sent) is expected


def test_every_class_of_ccxt_is_unknown_or_a_refusal_once_an_order_has_left() -> None:
    for name in ccxt_errors.error_hierarchy["BaseError"]["OperationFailed"]:
        assert raised(Call.ORDER, name, None) is OutcomeUnknown, name
    for name in ccxt_errors.error_hierarchy["BaseError"]["ExchangeError"]:
        assert issubclass(raised(Call.ORDER, name, 400), OrderRefused | RequestRefused), name


@pytest.mark.parametrize("name", ["KeyError", "TypeError", "ValueError"])
def test_an_answer_that_ccxt_stumbles_over_says_nothing(name: str) -> None:
    failure = Failure(sent=True, status=200, message="?", kinds=(name, "Exception"))
    assert type(classify(Call.ORDER, failure)) is OutcomeUnknown
    assert type(classify(Call.READ, failure)) is VenueUnavailable


def test_reads_are_refused_or_unavailable() -> None:
    assert raised(Call.READ, "OrderNotFound") is RequestRefused
    assert raised(Call.READ, "AuthenticationError", 401) is RequestRefused
    assert raised(Call.READ, "RequestTimeout", None) is VenueUnavailable
    assert raised(Call.READ, "ExchangeNotAvailable", 502) is VenueUnavailable


def test_words_tell_what_classes_do_not() -> None:
    assert raised(Call.ORDER, "InvalidOrder", message="Duplicate order sent.") is OutcomeUnknown
    assert raised(Call.ORDER, "ExchangeError", message="clientOid already exists") is OutcomeUnknown
    assert raised(Call.ORDER, "InvalidOrder", message="Stop price would trigger immediately.") is StopWouldTrigger


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code":-2010,"msg":"no"}', -2010),
        (b'{"code":"51008","data":[]}', 51008),
        (b'{"code":"1","data":[{"sCode":"51000"}]}', 1),
        (b'{"retCode":10001}', 10001),
        (b'{"error":{"code":-32602}}', -32602),
        (b'{"error":["EOrder:Insufficient funds"]}', None),
        (b'{"code":"insufficient_funds"}', None),
        (b'{"code":true}', None),
        (b"<html>502</html>", None),
        (b"", None),
        (b"[1]", None),
    ],
)
def test_the_exchanges_number_is_found_where_there_is_one(body: bytes, code: int | None) -> None:
    assert code_in(body) == code


def test_a_signed_address_is_never_quoted() -> None:
    text = "kraken POST https://x.test/0/order?apiKey=k&signature=abc 400 Bad Request {}"
    assert without_queries(text) == "kraken POST https://x.test/0/order 400 Bad Request {}"
    assert without_queries("really? yes") == "really? yes"
