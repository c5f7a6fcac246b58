"""Market frames and private events, as a client sees them; and that it ends."""

import json
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.integration.venue.faults.client import TIMEOUT_S, Client, events, received

pytestmark = pytest.mark.slow


QUOTES, TRADES, DIFFS = "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms"
CANDLES = "btcusdt@kline_1m"


def test_one_stream_goes_mute_on_a_connection_that_lives(client: Client) -> None:
    with connect(f"{client.venue.ws_url}/stream?streams={QUOTES}/{TRADES}") as connection:
        with client.fault("mute", stream=QUOTES):
            drain_until_hit(client)
            streams = {json.loads(connection.recv(TIMEOUT_S))["stream"] for _ in range(3)}
            while QUOTES in streams:  # what was under way
                streams = {json.loads(connection.recv(TIMEOUT_S))["stream"] for _ in range(3)}
            assert streams == {TRADES}
            assert connection.ping().wait(TIMEOUT_S), "the venue answers pings"
        while json.loads(connection.recv(TIMEOUT_S))["stream"] != QUOTES:
            pass


def test_frames_come_twice(client: Client) -> None:
    with client.fault("duplicate_frames", stream=TRADES), client.stream(TRADES) as trades:
        assert received(trades)["t"] == received(trades)["t"]
    with client.stream(TRADES) as trades:
        assert received(trades)["t"] < received(trades)["t"]


def test_frames_come_out_of_order(client: Client) -> None:
    with client.stream(TRADES) as trades:
        with client.fault("reorder_frames", stream=TRADES, window_ms=400):
            ids = [received(trades)["t"]]
            while ids == sorted(ids):
                ids.append(received(trades)["t"])
        assert ids != sorted(ids)


def test_frames_come_late(client: Client) -> None:
    with client.fault("late_frames", stream=TRADES, delay_ms=300), client.stream(TRADES) as trades:
        trade = received(trades)
        assert server_ms(client) - trade["E"] >= 300


def test_book_changes_are_missing(client: Client) -> None:
    with client.stream(DIFFS) as diffs:
        last = received(diffs)["u"]
        with client.fault("depth_gap", symbol="BTCUSDT", hits=2):
            while True:
                diff = received(diffs)
                if diff["U"] != last + 1:
                    break
                last = diff["u"]
        assert diff["U"] > last + 1


def test_a_crossed_book(client: Client) -> None:
    with client.fault("crossed_book", stream=QUOTES), client.stream(QUOTES) as quotes:
        quote = received(quotes)
        assert float(quote["b"]) > float(quote["a"])
    with client.stream(QUOTES) as quotes:
        quote = received(quotes)
        assert float(quote["b"]) < float(quote["a"])


def test_a_close_that_rest_does_not_confirm(fast: Client) -> None:
    with fast.fault("revise_close", by_bps=100), fast.stream(CANDLES) as candles:
        closed = closing(candles)
    row = fast.http.get(
        f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={closed['t']}&endTime={closed['T']}"
    ).json()[0]
    assert (row[0], float(row[4]) * 1.01) == (closed["t"], pytest.approx(float(closed["c"])))


def test_a_close_that_comes_after_the_next_candle_began(fast: Client) -> None:
    with fast.fault("late_close", delay_ms=30_000), fast.stream(CANDLES) as candles:
        newest = 0
        while True:
            candle = received(candles)["k"]
            if candle["x"]:
                break
            newest = max(newest, candle["t"])
        assert newest > candle["t"]


def test_candles_without_their_close(fast: Client) -> None:
    with fast.fault("missing_candles", closing_only=True), fast.stream(CANDLES) as candles:
        first = received(candles)["k"]
        while (candle := received(candles)["k"])["t"] < first["t"] + 120_000:
            assert not candle["x"]
    with fast.stream(CANDLES) as candles:
        assert closing(candles)["x"]


def test_a_candle_before_its_own_start(fast: Client) -> None:
    with fast.fault("early_candle", early_ms=700), fast.stream(CANDLES) as candles:
        frame = received(candles)
        assert frame["E"] == frame["k"]["t"] - 700


def test_events_of_a_gap_are_never_told(client: Client) -> None:
    with client.private_stream() as private:
        with client.fault("lose_events", account=client.key):
            client.order(newClientOrderId="untold")
        client.order(newClientOrderId="told")
        assert events(private, 1)[0]["c"] == "told"
        assert client.query("untold").json()["status"] == "NEW"


def test_events_come_late(client: Client) -> None:
    with client.private_stream() as private, client.fault("late_events", account=client.key, delay_ms=300):
        client.order()
        report = events(private, 1)[0]
        assert server_ms(client) - report["E"] >= 300


def test_events_come_twice(client: Client) -> None:
    with client.private_stream() as private:
        with client.fault("duplicate_events", account=client.key):
            client.order()
            first, second = events(private, 2)
            assert first == second
        client.order(newClientOrderId="once")
        assert [event["c"] for event in events(private, 1)] == ["once"]


def test_events_come_out_of_order(client: Client) -> None:
    with (
        client.private_stream() as private,
        client.fault("reorder_events", account=client.key, window_ms=60_000, order="reversed") as reordered,
    ):
        client.order(newClientOrderId="both")
        client.cancel("both")
        with pytest.raises(TimeoutError):
            private.recv(timeout=0.1)
        client.end(reordered)
        assert [event["x"] for event in events(private, 2)] == ["CANCELED", "NEW"]


def test_events_come_again_after_subscribing_anew(client: Client) -> None:
    with client.fault("repeat_events", account=client.key):
        with client.private_stream() as private:
            client.order(newClientOrderId="old")
            assert len(events(private, 1)) == 1
        with client.private_stream(answered=False) as private:
            told = received(private)
            assert told.get("event", {}).get("c") == "old", "it comes before the answer, or right after it"


def test_a_private_stream_is_ended_by_the_venue(client: Client) -> None:
    with client.private_stream() as private:
        with client.fault("expire_stream", account=client.key):
            assert received(private)["event"]["e"] == "eventStreamTerminated"
        client.order()
        assert httpx.get(client.venue.url + "/api/v3/ping").status_code == 200
        with pytest.raises(TimeoutError):
            private.recv(timeout=0.1)
    with client.private_stream() as private:
        client.order(newClientOrderId="again")
        assert events(private, 1)[0]["c"] == "again"


def drain_until_hit(client: Client) -> None:
    while client.venue.admin("/faults")["faults"][0]["hits"] == 0:
        pass


def closing(connection: Any) -> dict[str, Any]:
    while True:
        candle: dict[str, Any] = received(connection)["k"]
        if candle["x"]:
            return candle


def server_ms(client: Client) -> int:
    return int(client.http.get("/api/v3/time").json()["serverTime"])
