"""Who hears what with a listen key, without sockets."""

import itertools
import json
from typing import Any

import pytest

from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.events import LeverageChanged, MarkPriceChanged
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm.listen_keys import ListenKeys
from core.simulation.server.usdm.mark_publisher import MarkPublisher
from core.simulation.server.usdm.streams import RULES
from core.simulation.server.usdm.user_streams import UsdmStreamFront, UsdmUserStreams
from tests.unit.simulation.server.floors import START_NS, HandClock
from tests.unit.simulation.server.usdm.test_recorded_shapes import SPEC

KEY = "key-1"


class Connection:
    """Stands for a `Socket`: remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.accounts: set[str] = set()
        self.streams: Any = ()
        self._waiting: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.messages.append(json.loads(payload))

    def queue(self, frame: bytes) -> bool:
        self._waiting.append(frame)
        return len(self._waiting) == 1

    def flush(self) -> None:
        """Frames of less than 64 kB that are not masked: a header of two or four bytes, then the payload."""
        for frame in self._waiting:
            self.messages.append(json.loads(frame[4 if frame[1] == 126 else 2 :]))
        self._waiting.clear()


class Streams:
    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.now_s = 1_000_000.0
        self.clock = HandClock()
        exchange = PerpetualExchange([Contract.of(SPEC)], fees=FeeSchedule(), start_ns=START_NS)
        self.keys = ListenKeys(
            now_s=lambda: self.now_s,
            lifetime_s=3_600.0,
            new_key=lambda: f"key-{next(numbers)}",
            remember=lambda text: None,
        )
        self.users = UsdmUserStreams(exchange, self.keys, self.clock.now_ms)
        self.hub = StreamHub()
        self.front = UsdmStreamFront(self.hub, RULES, self.keys, self.users)
        self.keys.open("alice")

    def connect(self, path: str, query: str = "") -> Connection:
        connection = Connection()
        self.front.opened(connection, path, query)
        return connection

    def ask(self, connection: Connection, method: str, *params: str) -> Any:
        request = {"method": method, "params": params, "id": 1}
        self.front.message(connection, json.dumps(request).encode())
        return connection.messages.pop()

    def happen(self) -> None:
        self.users.publish([LeverageChanged(1, START_NS, "alice", SPEC.name, 7)])


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/fut/private/ws", f"listenKey={KEY}"),
        ("/fut/private/ws", f"listenKey={KEY}&events=ORDER_TRADE_UPDATE"),
        ("/fut/ws/" + KEY, ""),
        ("/fut/ws/btcusdt@trade/" + KEY, ""),
    ],
)
def test_an_address_with_a_key_hears_the_account(streams: Streams, path: str, query: str) -> None:
    connection = streams.connect(path, query)
    streams.happen()
    [event] = connection.messages
    assert (event["e"], event["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 7})
    assert connection.accounts == {"alice"}


def test_a_combined_stream_names_the_key(streams: Streams) -> None:
    connection = streams.connect("/fut/stream", f"streams=btcusdt@trade/{KEY}")
    streams.happen()
    assert connection.messages[0]["stream"] == KEY
    assert connection.messages[0]["data"]["e"] == "ACCOUNT_CONFIG_UPDATE"


def test_a_key_is_the_name_of_a_stream(streams: Streams) -> None:
    connection = streams.connect("/fut/ws")
    streams.happen()
    assert streams.ask(connection, "SUBSCRIBE", KEY, "btcusdt@trade") == {"result": None, "id": 1}
    assert streams.ask(connection, "LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@trade", KEY]
    streams.happen()
    assert len(connection.messages) == 1
    assert streams.ask(connection, "SUBSCRIBE", "key-2")["error"]["code"] == 2
    assert streams.ask(connection, "UNSUBSCRIBE", KEY)["result"] is None
    streams.happen()
    assert len(connection.messages) == 1
    assert connection.accounts == set()


def test_who_has_gone_is_not_told(streams: Streams) -> None:
    connection = streams.connect("/fut/private/ws", f"listenKey={KEY}")
    streams.front.closed(connection)
    streams.happen()
    assert connection.messages == []
    assert streams.users.accounts() == ()


def test_an_expired_key_says_so_and_is_mute(streams: Streams) -> None:
    connection = streams.connect("/fut/private/ws", f"listenKey={KEY}")
    streams.now_s += 3_599
    streams.users.expire()
    assert connection.messages == []
    streams.now_s += 1
    streams.users.expire()
    streams.happen()
    assert [event["e"] for event in connection.messages] == ["listenKeyExpired"]
    assert connection.messages[0]["listenKey"] == KEY


def test_a_key_that_is_given_back_is_mute_at_once(streams: Streams) -> None:
    connection = streams.connect("/fut/private/ws", f"listenKey={KEY}")
    streams.users.forget("alice")
    streams.happen()
    assert connection.messages == []
    assert streams.keys.open("alice") == "key-2"


def test_mark_prices_at_their_paces(streams: Streams) -> None:
    publisher = MarkPublisher({SPEC.name: SPEC}, streams.hub, streams.clock.now_ms, turn_ms=20)
    each, slow, everything = (
        streams.connect(f"/fut/market/ws/{name}")
        for name in ("btcusdt@markPrice@1s", "btcusdt@markPrice", "!markPrice@arr@1s")
    )
    for second in range(1, 7):
        publisher.handle([MarkPriceChanged(second, START_NS, SPEC.name, second * 10**8, 10**8, 10**8, 5, 0)])
        for _ in range(50):
            publisher.turn()
    streams.hub.flush()
    assert [event["p"] for event in each.messages] == [f"{second}.00000000" for second in range(1, 7)]
    assert [event["p"] for event in slow.messages] == ["3.00000000", "6.00000000"]
    assert [len(events) for events in everything.messages] == [1] * 6
    for _ in range(200):
        publisher.turn()  # nothing new
    streams.hub.flush()
    assert len(each.messages) == 6
