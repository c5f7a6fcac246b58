"""Market streams over real sockets: pace, acknowledgements, shards, and every way a connection dies."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from core.domain.candles import SeriesKey, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, QuoteChanged, StreamInterrupted, StreamRestored
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock
from core.settings.venue import VenueSettings
from core.venues.binance.streams import BinanceMarketStreams
from core.venues.socket import WatchedConnection
from tests.integration.adapter.stream_server import Client, StreamServer, acknowledge, stream_server
from tests.waiting import eventually

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")


def quote(symbol: str = "btcusdt", number: int = 1) -> str:
    data = f'{{"u":{number},"s":"{symbol.upper()}","b":"10.1","B":"1","a":"10.2","A":"2"}}'
    return f'{{"stream":"{symbol}@bookTicker","data":{data}}}'


def subscriptions(*ids: InstrumentId) -> StreamSubscriptions:
    return StreamSubscriptions(candles=tuple(SeriesKey(each, Timeframe.M1) for each in ids), quotes=ids)


def with_trades(*ids: InstrumentId) -> StreamSubscriptions:
    return StreamSubscriptions(candles=(), quotes=ids, trades=ids)


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with stream_server() as started:
        yield started


class Running:
    def __init__(self, streams: BinanceMarketStreams) -> None:
        self.streams = streams
        self.events: list[MarketEvent] = []

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def restored(self) -> set[InstrumentId]:
        return {each for event in self.of(StreamRestored) for each in event.instrument_ids}

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.of(StreamInterrupted)]


@asynccontextmanager
async def running(
    url: str, *ids: InstrumentId, wanted: Callable[..., StreamSubscriptions] = subscriptions, **options: Any
) -> AsyncIterator[Running]:
    settings = VenueSettings.model_validate({"name": "binance", "ws_base_url": url, "stale_stream_s": 5.0} | options)
    clock = SystemMonotonicClock()
    run = Running(BinanceMarketStreams(settings, wanted(*ids), clock, chance=random.Random(1)))
    before = asyncio.all_tasks()
    task = asyncio.create_task(run.streams.run(run.events.append))
    try:
        yield run
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    ours = {each.get_name() for each in asyncio.all_tasks() - before if "stream" in each.get_name()}
    assert ours == set(), "no task is left behind"


async def test_events_come_after_the_acknowledged_subscription(server: StreamServer) -> None:
    async with running(server.url, BTC, ETH) as run:
        await eventually(lambda: run.restored == {BTC, ETH})
        (client,) = server.clients
        assert client.path == "/stream"
        assert client.streams == {"btcusdt@kline_1m", "btcusdt@bookTicker", "ethusdt@kline_1m", "ethusdt@bookTicker"}
        await client.send(quote("ethusdt"))
        await eventually(lambda: len(run.of(QuoteChanged)) == 1)
        (event,) = run.of(QuoteChanged)
        assert (event.instrument_id, event.bid, event.ask) == (ETH, 10.1, 10.2)
        assert run.reasons == []
        statistics = run.streams.statistics()
        assert (statistics.connected, statistics.streams, statistics.acknowledged, statistics.messages) == (1, 4, 2, 1)


async def test_a_subscription_counts_only_when_acknowledged(server: StreamServer) -> None:
    server.answer = lambda request: None
    async with running(server.url, BTC) as run:
        await eventually(lambda: bool(server.clients and server.clients[0].requests))
        await server.clients[0].send(quote())
        await eventually(lambda: len(run.of(QuoteChanged)) == 1)
        assert run.restored == set() and run.streams.statistics().acknowledged == 0


async def test_five_hundred_symbols_at_the_venues_pace(server: StreamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_s: list[float] = []
    send = WatchedConnection.send

    async def recorded(connection: WatchedConnection, message: str) -> None:
        sent_s.append(connection.loop.time())
        await send(connection, message)

    monkeypatch.setattr(WatchedConnection, "send", recorded)
    ids = tuple(InstrumentId(f"S{number}/USDT") for number in range(500))
    async with running(server.url, *ids) as run:
        await eventually(lambda: run.restored == set(ids))
        (client,) = server.clients
        assert len(client.streams) == 1_000
        assert all(len(request["params"]) <= 200 for request in client.requests)
        assert len({request["id"] for request in client.requests}) == len(client.requests)
        assert len(sent_s) >= 5
        assert all(later - earlier >= 1.0 for earlier, later in zip(sent_s, sent_s[4:], strict=False))


async def test_streams_are_spread_over_connections_and_an_instrument_is_never_torn(server: StreamServer) -> None:
    ids = tuple(InstrumentId(f"S{number}/USDT") for number in range(30))
    async with running(server.url, *ids, max_streams_per_connection=17) as run:
        await eventually(lambda: run.restored == set(ids))
        assert sorted(len(client.streams) for client in server.clients) == [12, 16, 16, 16]
        for client in server.clients:
            symbols = [name.partition("@")[0] for name in client.streams]
            assert all(symbols.count(symbol) == 2 for symbol in symbols)
        assert tuple(itertools.chain(*run.streams.shards)) == ids
        await run.streams.reconnect([ids[0]])
        await eventually(lambda: len(server.clients) == 5)
        assert run.of(StreamInterrupted)[0].instrument_ids == run.streams.shards[0]
        assert run.reasons == ["RECONNECT_REQUESTED"]
        await eventually(lambda: run.streams.statistics().acknowledged == 30)


async def test_resubscribing_leaves_and_takes_up_only_what_was_asked(server: StreamServer) -> None:
    async with running(server.url, BTC, ETH) as run:
        await eventually(lambda: run.restored == {BTC, ETH})
        await run.streams.resubscribe([ETH])
        await eventually(lambda: len(run.of(StreamRestored)) == 2)
        (client,) = server.clients
        names = ["ethusdt@kline_1m", "ethusdt@bookTicker"]
        assert [(request["method"], request["params"]) for request in client.requests[1:]] == [
            ("UNSUBSCRIBE", names),
            ("SUBSCRIBE", names),
        ]
        assert run.of(StreamRestored)[1].instrument_ids == (ETH,)
        assert run.reasons == []


async def close_normally(client: Client) -> None:
    await client.socket.close(1001, "going away")


async def abort(client: Client) -> None:
    client.socket.transport.abort()


async def shut_down(client: Client) -> None:
    await client.send({"e": "serverShutdown", "E": 1})


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (close_normally, "CONNECTION_CLOSED code=1001"),
        (abort, "CONNECTION_CLOSED code=1006"),
        (shut_down, "SERVER_SHUTDOWN"),
    ],
)
async def test_a_connection_that_ends_is_dialled_again_and_said_so_once(
    server: StreamServer, end: Callable[[Client], Any], reason: str
) -> None:
    async with running(server.url, BTC) as run:
        await eventually(lambda: run.restored == {BTC})
        await end(server.clients[0])
        await eventually(lambda: len(run.of(StreamRestored)) == 2)
        assert run.reasons == [reason]
        await server.clients[1].send(quote())
        await eventually(lambda: len(run.of(QuoteChanged)) == 1)
        assert run.streams.statistics().reconnects == 1


async def test_a_half_open_connection_is_found_by_its_silence(server: StreamServer) -> None:
    async with running(server.url, BTC, stale_stream_s=0.3) as run:
        await eventually(lambda: run.restored == {BTC})
        server.clients[0].socket.transport.pause_reading()  # no pong will come, and no FIN either
        await eventually(lambda: len(run.of(StreamRestored)) == 2)
        assert run.reasons == ["CONNECTION_SILENT"]


async def test_a_quiet_connection_that_answers_pings_is_kept(server: StreamServer) -> None:
    async with running(server.url, BTC, stale_stream_s=0.1) as run:
        await eventually(lambda: run.restored == {BTC})
        await asyncio.sleep(0.5)  # five times the limit, without any data
        assert run.reasons == [] and len(server.clients) == 1


async def test_a_loop_that_stood_still_does_not_blame_the_venue(server: StreamServer) -> None:
    async with running(server.url, BTC, stale_stream_s=0.2) as run:
        await eventually(lambda: run.restored == {BTC})
        import time

        time.sleep(0.6)
        await asyncio.sleep(0.1)
        assert run.reasons == []


async def test_a_subscription_that_is_never_answered_ends_the_connection(server: StreamServer) -> None:
    server.answer = lambda request: None
    async with running(server.url, BTC, stale_stream_s=0.2) as run:
        await eventually(lambda: run.reasons == ["SUBSCRIBE_UNANSWERED"])
        server.answer = acknowledge
        await eventually(lambda: run.restored == {BTC})


async def test_a_refused_subscription_is_said_and_not_repeated_without_end(server: StreamServer) -> None:
    server.answer = lambda request: {"error": {"code": 2, "msg": "Invalid request"}, "id": request["id"]}
    async with running(server.url, BTC) as run:
        await eventually(lambda: run.reasons == ["SUBSCRIBE_REFUSED code=2"])
        assert (run.streams.statistics().refused, run.streams.statistics().acknowledged) == (1, 0)
        assert len(server.clients[0].requests) == 1
        server.answer = acknowledge
        await run.streams.resubscribe([BTC])
        await eventually(lambda: run.restored == {BTC})


MALFORMED = [
    "not json",
    "[1,2,3]",
    "",
    '{"stream":"btcusdt@bookTicker","data":{"u":1,"b":"NaN","B":"1","a":"1","A":"1"}}',
    '{"stream":"btcusdt@bookTicker","data":null}',
    '{"stream":"btcusdt@bookTicker"}',
    '{"stream":5}',
    '{"stream":"btcusdt@bookTicker","data":{"u":1,"b":"10.1"',
    b"\xff\xfe\x00",
    b'{"stream":"btcusdt@trade","data":{"t":1,"p":"\xff","q":"1","T":1,"m":true}}',
    b'{"stream":"btcusdt@bookTicker","data":' + b'{"x":' * 100_000,
]


async def test_malformed_frames_are_skipped_counted_and_never_end_the_connection(server: StreamServer) -> None:
    async with running(server.url, BTC, wanted=with_trades) as run:
        await eventually(lambda: run.restored == {BTC})
        for _ in range(3):
            for frame in MALFORMED:
                await server.clients[0].send(frame)
        await server.clients[0].send(quote())
        await eventually(lambda: len(run.of(QuoteChanged)) == 1)
        assert run.streams.statistics().malformed == 3 * len(MALFORMED)
        assert run.reasons == [] and len(server.clients) == 1


async def test_frames_spelt_another_way_are_read_all_the_same(server: StreamServer) -> None:
    data = '{"u":1,"s":"BTCUSDT","b":"10.1","B":"1","a":"10.2","A":"2"}'
    async with running(server.url, BTC) as run:
        await eventually(lambda: run.restored == {BTC})
        await server.clients[0].send(f'{{"data":{data},"stream":"btcusdt@bookTicker"}}')
        await server.clients[0].send(f'{{ "stream" : "btcusdt@bookTicker", "data" : {data} }}')
        await server.clients[0].send('{"stream":"dogeusdt@bookTicker","data":{}}')
        await server.clients[0].send('{"result":null,"id":999}')
        await eventually(lambda: len(run.of(QuoteChanged)) == 2)
        assert run.streams.statistics().malformed == 0


async def test_a_venue_that_is_down_at_start_is_waited_for(server: StreamServer) -> None:
    await server.stop()
    async with running(server.url, BTC) as run:
        await eventually(lambda: len(run.reasons) == 1)
        assert run.reasons[0].startswith("CONNECT_FAILED")
        await server.start()
        await eventually(lambda: run.restored == {BTC})
        assert len(run.reasons) == 1, "said once, not at every attempt"


async def test_a_refused_handshake_is_repeated_no_sooner_than_the_venue_wishes(server: StreamServer) -> None:
    server.refuse = lambda connection: Response(
        HTTPStatus.SERVICE_UNAVAILABLE, "maintenance", Headers([("Retry-After", "1"), ("Content-Length", "0")]), b""
    )
    async with running(server.url, BTC) as run:
        await eventually(lambda: len(server.refused_s) == 2)
        assert server.refused_s[1] - server.refused_s[0] >= 1.0
        assert run.reasons == ["HANDSHAKE_REFUSED status=503"]


@pytest.mark.slow
async def test_a_venue_that_hangs_up_at_once_is_dialled_ever_more_rarely(server: StreamServer) -> None:
    server.greet = abort
    async with running(server.url, BTC):
        await eventually(lambda: len(server.clients) == 4)
        pauses = [b.began_s - a.began_s for a, b in itertools.pairwise(server.clients)]
        assert pauses[0] >= 0.25 and pauses[1] >= 0.5 and pauses[2] >= 1.0


async def test_a_flood_leaves_the_loop_to_others(server: StreamServer) -> None:
    async with running(server.url, BTC) as run:
        await eventually(lambda: run.restored == {BTC})
        turns = 0

        async def count() -> None:
            nonlocal turns
            while len(run.of(QuoteChanged)) < 5_000:
                turns += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(count())
            for number in range(5_000):
                await server.clients[0].send(quote(number=number))
        assert turns > 20
        assert [event.sequence for event in run.of(QuoteChanged)] == list(range(5_000))


async def test_with_nothing_to_carry_there_is_no_connection(server: StreamServer) -> None:
    async with running(server.url) as run:
        await asyncio.sleep(0)
        assert run.streams.statistics().connections == 0
    assert server.clients == []


@pytest.mark.parametrize("mistake", [ZeroDivisionError, OSError, TimeoutError])
async def test_a_consumer_that_raises_is_not_taken_for_the_venues_fault(
    server: StreamServer, mistake: type[Exception]
) -> None:
    def broken(event: MarketEvent) -> None:
        if isinstance(event, QuoteChanged):
            raise mistake

    settings = VenueSettings(name="binance", ws_base_url=server.url)
    streams = BinanceMarketStreams(settings, subscriptions(BTC), SystemMonotonicClock(), chance=random.Random(1))
    task = asyncio.create_task(streams.run(broken))
    await eventually(lambda: bool(server.clients and server.clients[0].requests))
    await server.clients[0].send(quote())
    with pytest.raises(ExceptionGroup) as raised:
        await task
    assert raised.group_contains(mistake)
    assert len(server.clients) == 1
