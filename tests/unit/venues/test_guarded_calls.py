"""What becomes of a call whose work ends, stumbles over the answer, or is cut off at its deadline."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from core.domain.errors import OutcomeUnknown, VenueUnavailable
from core.venues.binance.errors import classify
from core.venues.failures import Call
from core.venues.guarded_calls import GuardedCalls, Said, ThreadClient

ORDER_LIMIT = -1015


class BaseError(Exception):
    """Named as ccxt's."""


@pytest.fixture
def said() -> dict[str, Said]:
    return {"last": Said(None, "", None)}


@pytest.fixture
def calls(said: dict[str, Said]) -> Iterator[GuardedCalls]:
    guarded = GuardedCalls(
        lambda session: object(),
        lambda answer, error: said["last"],
        classify,
        timeout_s=5.0,
        order_limits=frozenset({ORDER_LIMIT}),
    )
    yield guarded
    guarded.close()


def answered(status: int, then: Callable[[ThreadClient], Any]) -> Callable[[ThreadClient], Any]:
    def work(client: ThreadClient) -> Any:
        client.wire.sent = True
        response = requests.Response()
        response.status_code = status
        client.session.head_arrived(response)
        return then(client)

    return work


def fail(error: Exception) -> Callable[[ThreadClient], Any]:
    def work(client: ThreadClient) -> Any:
        raise error

    return work


def cut_off(client: ThreadClient) -> str:
    client.wire.expired = True
    return "what looks whole"


def test_what_was_made_of_an_answer_that_was_cut_off_is_not_handed_over(calls: GuardedCalls) -> None:
    with pytest.raises(OutcomeUnknown, match="deadline"):
        calls.run(Call.ORDER, calls.client(), answered(200, cut_off))
    with pytest.raises(VenueUnavailable, match="deadline"):
        calls.run(Call.READ, calls.client(), answered(200, cut_off))
    assert (calls.statistics().failures, calls.statistics().expired) == (2, 2)


def test_the_venues_words_count_though_they_came_at_the_last_moment(calls: GuardedCalls, said: dict[str, Said]) -> None:
    said["last"] = Said(-2010, "Duplicate order sent.", None)

    def late(client: ThreadClient) -> None:
        client.wire.expired = True
        raise BaseError

    with pytest.raises(OutcomeUnknown, match="Duplicate"):
        calls.run(Call.ORDER, calls.client(), answered(400, late))


def test_the_reason_not_to_send_is_told(calls: GuardedCalls) -> None:
    with pytest.raises(VenueUnavailable, match="requires a key"):
        calls.run(Call.ORDER, calls.client(), fail(BaseError("requires a key")))


def test_a_limit_of_orders_is_no_reason_to_stay_away(calls: GuardedCalls, said: dict[str, Said]) -> None:
    said["last"] = Said(ORDER_LIMIT, "Too many new orders.", 30.0)
    with pytest.raises(VenueUnavailable):
        calls.run(Call.ORDER, calls.client(), answered(429, fail(BaseError())))
    calls.client()
    said["last"] = Said(-1003, "Too much request weight used.", 30.0)
    with pytest.raises(VenueUnavailable):
        calls.run(Call.READ, calls.client(), answered(429, fail(BaseError())))
    with pytest.raises(VenueUnavailable, match="stay away"):
        calls.client()


def test_a_mistake_of_ours_before_anything_was_sent_is_shown_as_what_it_is(calls: GuardedCalls) -> None:
    with pytest.raises(ZeroDivisionError):
        calls.run(Call.ORDER, calls.client(), fail(ZeroDivisionError()))
