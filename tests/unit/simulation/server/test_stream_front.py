import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import CloseCode

from core.simulation.server.stream_front import SPOT_RULES, StreamFront
from core.simulation.server.stream_hub import StreamHub


class Connection:
    """Stands for a `Socket`: remembers what it was told."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.closed_with: int | None = None

    def send(self, payload: bytes) -> None:
        self.answers.append(json.loads(payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed_with = code


def connect(path: str = "/ws", query: str = "") -> tuple[StreamFront, Connection]:
    front, connection = StreamFront(StreamHub()), Connection()
    front.opened(connection, path, query)
    return front, connection


def ask(front: StreamFront, connection: Connection, request: object) -> dict[str, Any]:
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    front._connections[connection].inbound_s.clear()
    front.message(connection, text)
    return connection.answers[-1]


def listed(front: StreamFront, connection: Connection) -> list[str]:
    return ask(front, connection, {"method": "LIST_SUBSCRIPTIONS", "id": 9})["result"]


@pytest.mark.parametrize(
    ("path", "query", "streams", "combined"),
    [
        ("/ws", "", [], False),
        ("/ws/btcusdt@trade", "", ["btcusdt@trade"], False),
        ("/ws/btcusdt@trade/ethusdt@depth", "", ["btcusdt@trade", "ethusdt@depth"], False),
        ("/ws/0", "", [], False),
        ("/stream/ws/12", "", [], False),
        ("/stream", "", [], True),
        ("/stream", "streams=btcusdt@trade/!miniTicker@arr", ["btcusdt@trade", "!miniTicker@arr"], True),
        ("/stream/stream", "streams=btcusdt%40trade", ["btcusdt@trade"], True),
    ],
)
def test_paths(path: str, query: str, streams: list[str], combined: bool) -> None:
    assert StreamFront.accepts(path)
    front, connection = connect(path, query)
    assert listed(front, connection) == streams
    assert ask(front, connection, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is combined


@pytest.mark.parametrize("path", ["/", "/foo", "/api/v3/ping", "/streams"])
def test_paths_that_lead_nowhere(path: str) -> None:
    assert not StreamFront.accepts(path)


def test_subscribing_and_leaving() -> None:
    front, connection = connect()
    names = ["btcusdt@trade", "ethusdt@kline_1m"]
    assert ask(front, connection, {"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
    assert listed(front, connection) == names
    answer = ask(front, connection, {"method": "UNSUBSCRIBE", "params": names[:1], "id": "two"})
    assert answer == {"result": None, "id": "two"}
    assert listed(front, connection) == names[1:]


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (b"{", 3, "Invalid JSON"),
        (b"\xff\xfe", 3, "Invalid JSON"),
        (b"[]", 2, "expected an object"),
        ({"id": 1}, 2, "missing field `method`"),
        ({"method": "SUBSCRIPE", "params": [], "id": 1}, 2, "unknown variant `SUBSCRIPE`"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": True}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"]}, 2, "request ID"),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": "x" * 37}, 2, "request ID"),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 2**70}, 2, "request ID"),
        (b"[" * 5_000, 3, "Invalid JSON"),
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 1}, 2, "array"),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@nothing"], "id": 1}, 2, "invalid stream"),
        ({"method": "SUBSCRIBE", "params": [7], "id": 1}, 2, "invalid stream"),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0, "Unknown property"),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2, "property name must be a string"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 2, "too many parameters"),
    ],
)
def test_bad_requests_are_answered(request_: object, code: int, text: str) -> None:
    front, connection = connect()
    error = ask(front, connection, request_)["error"]
    assert error["code"] == code
    assert text in error["msg"]
    assert listed(front, connection) == []


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_any_bytes_are_answered(text: bytes) -> None:
    front, connection = connect()
    assert "error" in ask(front, connection, text)


def test_the_number_of_streams_is_limited() -> None:
    front, connection = connect()
    names = [f"s{n}@trade" for n in range(SPOT_RULES.max_streams)]
    assert ask(front, connection, {"method": "SUBSCRIBE", "params": names, "id": 1})["result"] is None
    assert ask(front, connection, {"method": "SUBSCRIBE", "params": ["more@trade"], "id": 2})["error"]["code"] == 2
    assert len(listed(front, connection)) == SPOT_RULES.max_streams
    _, crowded = connect("/stream", "streams=" + "/".join([*names, "more@trade"]))
    assert crowded.closed_with == CloseCode.POLICY_VIOLATION


def test_six_messages_at_once_are_too_many() -> None:
    front, connection = connect()
    for _ in range(5):
        front.message(connection, b'{"method":"LIST_SUBSCRIPTIONS","id":1}')
    assert connection.closed_with is None
    front.control_frame(connection)
    assert connection.closed_with == CloseCode.POLICY_VIOLATION


def test_a_closed_connection_leaves_nothing_behind() -> None:
    hub = StreamHub()
    front, connection = StreamFront(hub), Connection()
    front.opened(connection, "/ws/btcusdt@trade", "")
    front.closed(connection)
    assert front.n_connections == 0
    assert not hub._topics
    assert not hub._by_subject
