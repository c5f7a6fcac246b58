"""The REST adapter against servers that hang, drip, cut, reset and lie: calls end in time and say what is known."""

import gc
import gzip
import re
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import (
    OrderRefused,
    OutcomeUnknown,
    RequestRefused,
    RuleBroken,
    SymbolRefused,
    VenueError,
    VenueUnavailable,
)
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderStatus, OrderType, Side
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS, SystemMonotonicClock, VirtualClock, WallClock
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.rest import BinanceRest
from tests.integration.adapter.raw_server import Peer, RawServer, Script, answer

BTC = InstrumentId("BTC/USDT")
ORDER = OrderRequest(ClientOrderId("mine-1"), Leg(BTC, Side.BUY, Decimal("0.01"), OrderType.MARKET))
FILLED = (
    b'{"symbol":"BTCUSDT","orderId":5,"orderListId":-1,"clientOrderId":"mine-1","transactTime":1700000000000,'
    b'"price":"0.0","origQty":"0.01","executedQty":"0.01","cummulativeQuoteQty":"100","status":"FILLED",'
    b'"timeInForce":"GTC","type":"MARKET","side":"BUY","fills":[]}'
)
TIME = b'{"serverTime":1700000000000}'

Start = Callable[[Script], RawServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[RawServer] = []

    def begin(script: Script) -> RawServer:
        servers.append(RawServer(script))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


class Fast:
    """A trading clock at twenty times real time."""

    speed = 20.0

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000


@pytest.fixture
def connect() -> Iterator[Callable[..., BinanceRest]]:
    adapters: list[BinanceRest] = []

    def make(url: str, *, timeout_s: float = 0.3, **options: object) -> BinanceRest:
        clock = options.pop("clock", WallClock())
        settings = VenueSettings(name="binance", base_url=url, request_timeout_s=timeout_s)
        credentials = Credentials("the-key", "the-secret")
        adapters.append(BinanceRest(settings, credentials, clock, SystemMonotonicClock(), **options))
        return adapters[-1]

    yield make
    for adapter in adapters:
        adapter.close()


def hang(peer: Peer) -> None:
    peer.request()
    peer.until_client_goes()


def drip(peer: Peer, byte: bytes) -> None:
    """For ever, or until the client goes."""
    while True:
        peer.send(byte)
        peer.sock.settimeout(0.02)
        try:
            if not peer.sock.recv(1):
                return
        except TimeoutError:
            continue


def drip_body(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    drip(peer, b" ")


def drip_until_close(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{")
    drip(peer, b" ")


def drip_head(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(peer, b"a")


def half_close(peer: Peer) -> None:
    peer.request()
    peer.sock.shutdown(socket.SHUT_WR)
    peer.until_client_goes()


def close_at_once(peer: Peer) -> None:
    peer.request()


def reset(peer: Peer) -> None:
    peer.request()
    peer.reset()


def cut_body(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + FILLED[:60])


def say(body: bytes, status: str = "200 OK", headers: str = "") -> Script:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer(body, status, headers))

    return script


def chunked(body: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for position in range(len(body)):
            peer.send(body[position : position + 1])
        peer.until_client_goes()

    return script


SILENCES: dict[str, Script] = {
    "hangs": hang,
    "drips its body": drip_body,
    "drips a body of unknown length": drip_until_close,
    "drips its head": drip_head,
    "closes half": half_close,
    "closes": close_at_once,
    "resets": reset,
    "cuts its body": cut_body,
    "answers nothing": say(b""),
    "answers half a JSON": say(FILLED[:70]),
    "answers another JSON": say(b"[1,2]"),
    "answers words unknown": say(FILLED.replace(b"FILLED", b"PERHAPS")),
    "answers NaN": say(FILLED.replace(b'"executedQty":"0.01"', b'"executedQty":"NaN"')),
    "answers HTML 200": say(b"<html>welcome</html>"),
    "answers HTML 502": say(b"<html><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
    "answers HTML 504": say(b"<html><h1>504 Gateway Time-out</h1></html>", "504 Gateway Time-out"),
    "answers -1007": say(b'{"code":-1007,"msg":"Timeout waiting for response."}', "503 Service Unavailable"),
    "answers -1000": say(b'{"code":-1000,"msg":"An unknown error occurred."}', "500 Internal Server Error"),
    "redirects": say(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n"),
    "sends broken gzip": say(gzip.compress(FILLED)[:40] + b"\x00" * 30, headers="Content-Encoding: gzip\r\n"),
    "claims gzip": say(FILLED, headers="Content-Encoding: gzip\r\n"),
    "sends a broken chunk": chunked(b'5\r\n{"sym\r\nzz\r\n'),
    "sends garbage": lambda peer: (peer.request(), peer.send(b"\x00\xff\x00 not http at all\r\n\r\n"))[1],
}


@pytest.mark.parametrize("script", SILENCES.values(), ids=SILENCES.keys())
def test_an_order_without_a_clear_answer_is_of_unknown_outcome_and_sent_once(
    start: Start, connect: Callable[..., BinanceRest], script: Script
) -> None:
    server = start(script)
    rest = connect(server.url)
    with pytest.raises(OutcomeUnknown) as raised:
        rest.place(ORDER)
    assert "signature" not in str(raised.value) and "the-secret" not in str(raised.value)
    assert len(server.requests) == 1
    assert server.requests[0].startswith(b"POST /api/v3/order")
    with pytest.raises(OutcomeUnknown):
        rest.cancel(BTC, ORDER.client_order_id)


@pytest.mark.parametrize("script", SILENCES.values(), ids=SILENCES.keys())
def test_a_read_without_a_clear_answer_did_not_happen(
    start: Start, connect: Callable[..., BinanceRest], script: Script
) -> None:
    rest = connect(start(script).url)
    for read in (rest.server_time_ms, rest.balances, rest.instruments, lambda: rest.order(BTC, ORDER.client_order_id)):
        with pytest.raises(VenueUnavailable):
            read()


def test_silence_is_ended_by_the_deadline_not_by_luck(start: Start, connect: Callable[..., BinanceRest]) -> None:
    rest = connect(start(drip_body).url)
    with pytest.raises(OutcomeUnknown, match="deadline"):
        rest.place(ORDER)
    assert rest.statistics().expired == 1


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (
            b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}',
            "400 Bad Request",
            OrderRefused,
        ),
        (b'{"code":-1013,"msg":"Filter failure: LOT_SIZE"}', "400 Bad Request", RuleBroken),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "400 Bad Request", SymbolRefused),
        (b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}', "401 Unauthorized", RequestRefused),
        (b'{"code":-1008,"msg":"Request throttled by system-level protection."}', "503 Unavailable", VenueUnavailable),
        (b'{"code":-1015,"msg":"Too many new orders."}', "429 Too Many Requests", VenueUnavailable),
        (b"<html>403 Forbidden</html>", "403 Forbidden", VenueUnavailable),
        (b"gone", "410 Gone", RequestRefused),
        (b'{"code":-2010,"msg":"Duplicate order sent."}', "400 Bad Request", OutcomeUnknown),
    ],
)
def test_a_clear_answer_is_taken_at_its_word(
    start: Start, connect: Callable[..., BinanceRest], body: bytes, status: str, error: type[VenueError]
) -> None:
    rest = connect(start(say(body, status)).url)
    for _ in range(2):  # ccxt reads -2015 differently once a call has succeeded
        with pytest.raises(error) as raised:
            rest.place(ORDER)
        assert type(raised.value) is error


def test_nobody_listening_means_nothing_was_sent(connect: Callable[..., BinanceRest]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VenueUnavailable, match="Connection refused"):
        connect(f"http://127.0.0.1:{port}").place(ORDER)


def test_a_connection_that_is_never_accepted_means_nothing_was_sent(connect: Callable[..., BinanceRest]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = []
        for _ in range(4):  # the kernel's queue is full: further SYNs are dropped
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        with pytest.raises(VenueUnavailable):
            connect(f"http://127.0.0.1:{address[1]}").place(ORDER)
        for sock in waiting:
            sock.close()


def test_a_name_that_does_not_resolve_means_nothing_was_sent(
    connect: Callable[..., BinanceRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unresolved(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(VenueUnavailable, match="Name or service not known"):
        connect("http://venue.test").place(ORDER)


def test_a_venue_that_says_stay_away_is_left_alone(start: Start, connect: Callable[..., BinanceRest]) -> None:
    server = start(say(b'{"code":-1003,"msg":"Too much request weight used."}', "429 Too Many", "Retry-After: 30\r\n"))
    rest = connect(server.url)
    with pytest.raises(VenueUnavailable) as first:
        rest.server_time_ms()
    assert first.value.retry_after_s == 30.0
    with pytest.raises(VenueUnavailable) as second:
        rest.place(ORDER)
    assert second.value.retry_after_s == pytest.approx(30.0, abs=5.0)
    assert len(server.requests) == 1


def test_a_refused_timestamp_asks_for_the_time_again(start: Start, connect: Callable[..., BinanceRest]) -> None:
    measured: list[int] = []

    def script(peer: Peer) -> None:
        while request := peer.request():
            if b"/time" in request:
                peer.send(answer(TIME))
            else:
                message = b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
                peer.send(answer(message, "400 Bad Request"))

    rest = connect(start(script).url, on_clock_refused=lambda: measured.append(rest.server_time_ms()))
    with pytest.raises(VenueUnavailable) as raised:
        rest.place(ORDER)
    assert raised.value.code == -1021
    assert measured == [1_700_000_000_000]


def test_an_order_limit_leaves_reads_free(start: Start, connect: Callable[..., BinanceRest]) -> None:
    def script(peer: Peer) -> None:
        while request := peer.request():
            if request.startswith(b"POST"):
                body = b'{"code":-1015,"msg":"Too many new orders; current limit is 50 orders per TEN_SECOND."}'
                peer.send(answer(body, "429 Too Many Requests", "Retry-After: 7\r\n"))
            else:
                peer.send(answer(TIME))

    rest = connect(start(script).url)
    with pytest.raises(VenueUnavailable) as raised:
        rest.place(ORDER)
    assert raised.value.retry_after_s == 7.0
    assert rest.server_time_ms() == 1_700_000_000_000


def test_an_order_that_lacks_its_price_is_refused_before_it_is_sent(connect: Callable[..., BinanceRest]) -> None:
    order = OrderRequest(ClientOrderId("mine-2"), Leg(BTC, Side.BUY, Decimal("0.01"), OrderType.LIMIT))
    with pytest.raises(OrderRefused, match="needs a price"):
        connect("http://127.0.0.1:9").place(order)


def test_a_mistake_of_ours_is_not_blamed_on_the_venue(
    connect: Callable[..., BinanceRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("core.venues.binance.calls.stamp_ms", broken)
    with pytest.raises(ZeroDivisionError):
        connect("http://127.0.0.1:9").place(ORDER)


def test_without_keys_a_private_call_is_refused_before_it_is_sent(start: Start) -> None:
    server = start(say(FILLED))
    settings = VenueSettings(name="binance", base_url=server.url)
    rest = BinanceRest(settings, None, WallClock(), SystemMonotonicClock())
    with pytest.raises(RequestRefused):
        rest.place(ORDER)
    assert server.requests == []
    rest.close()


def test_a_closed_adapter_sends_nothing(start: Start, connect: Callable[..., BinanceRest]) -> None:
    server = start(say(TIME))
    rest = connect(server.url)
    rest.server_time_ms()
    rest.close()
    with pytest.raises(VenueUnavailable, match="closed"):
        rest.place(ORDER)
    assert len(server.requests) == 1


def test_windows_are_real_milliseconds_in_venue_time(start: Start, connect: Callable[..., BinanceRest]) -> None:
    server = start(say(FILLED))
    clock = VirtualClock()
    fence = RequestFence(clock)
    rest = connect(server.url, clock=Fast(), fence=fence)
    assert rest.capabilities.request_window_ms == 60_000
    rest.place(ORDER)
    fence.open_until(1_000 * NS_PER_MS)
    clock.jump(0.9)
    rest.place(ORDER)
    windows = [(b"recvWindow=60000&", b"timestamp=1699999994000&"), (b"recvWindow=2000&", b"timestamp=1699999999800&")]
    for sent, (window, stamp) in zip(server.requests, windows, strict=True):
        assert window in sent, "real ms, in venue time"
        assert stamp in sent, "a tenth of the window early"
    clock.jump(0.1)
    for call in (lambda: rest.place(ORDER), lambda: rest.cancel(BTC, ORDER.client_order_id)):
        with pytest.raises(VenueUnavailable, match="no time"):
            call()
    assert len(server.requests) == 2


def test_a_pause_while_a_request_is_stamped_makes_it_too_old_and_never_too_late(
    start: Start, connect: Callable[..., BinanceRest]
) -> None:
    """The process stands still for half a second between the two readings of time that make a stamp."""
    fence_clock = VirtualClock()
    venue_start_ns = 1_700_000_000_000_000_000

    class Pausing:
        speed = 1.0

        def now_ns(self) -> int:
            read_ns = venue_start_ns + fence_clock.now_ns()
            fence_clock.jump(0.5)
            return read_ns

    fence = RequestFence(fence_clock)
    fence.open_until(2_000 * NS_PER_MS)
    server = start(say(FILLED))
    connect(server.url, clock=Pausing(), fence=fence).place(ORDER)
    (sent,) = server.requests
    stamp, window = (int(re.findall(rb"%s=(\d+)" % name, sent)[0]) for name in (b"timestamp", b"recvWindow"))
    assert stamp + window <= venue_start_ns // NS_PER_MS + 2_000


def test_a_clear_fill_is_reported_whole(start: Start, connect: Callable[..., BinanceRest]) -> None:
    report = connect(start(say(FILLED)).url).place(ORDER)
    assert (report.status, report.client_order_id, report.filled_quantity) == (
        OrderStatus.FILLED,
        "mine-1",
        Decimal("0.01"),
    )


@pytest.mark.parametrize(
    "script",
    [
        say(gzip.compress(FILLED), headers="Content-Encoding: gzip\r\n"),
        chunked(b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (7, FILLED[:7], len(FILLED) - 7, FILLED[7:])),
    ],
    ids=["gzip", "chunks byte by byte"],
)
def test_an_answer_in_an_odd_wrapping_is_read(
    start: Start, connect: Callable[..., BinanceRest], script: Script
) -> None:
    assert connect(start(script).url, timeout_s=5.0).place(ORDER).status is OrderStatus.FILLED


def test_the_venues_clock_and_epoch_come_with_its_time(start: Start, connect: Callable[..., BinanceRest]) -> None:
    plain = connect(start(say(TIME)).url)
    assert (plain.epoch_id(), plain.clock_speed(), plain.server_time_ms()) == (None, 1.0, 1_700_000_000_000)
    headers = "X-Venue-Epoch: abc\r\nX-Venue-Clock-Speed: 20\r\n"
    fast = connect(start(say(TIME, headers=headers)).url)
    assert (fast.clock_speed(), fast.epoch_id()) == (20.0, "abc")
    broken = connect(start(say(TIME, headers="X-Venue-Clock-Speed: warp\r\n")).url)
    with pytest.raises(VenueUnavailable, match="warp"):
        broken.clock_speed()


def test_a_server_without_key_restrictions_is_asked_for_the_account(
    start: Start, connect: Callable[..., BinanceRest]
) -> None:
    def script(peer: Peer) -> None:
        while request := peer.request():
            if b"apiRestrictions" in request:
                peer.send(answer(b"not here", "404 Not Found"))
            else:
                peer.send(answer(b'{"canTrade":true,"canWithdraw":false,"balances":[]}'))

    permissions = connect(start(script).url).key_permissions()
    assert (permissions.can_read, permissions.can_trade, permissions.can_withdraw) == (True, True, False)


def test_calls_of_one_thread_share_a_connection_and_survive_its_loss(
    start: Start, connect: Callable[..., BinanceRest]
) -> None:
    def two_answers(peer: Peer) -> None:
        for _ in range(2):
            if peer.request():
                peer.send(answer(TIME))

    server = start(two_answers)
    rest = connect(server.url)
    for _ in range(2):
        rest.server_time_ms()
    assert server.connections == 1
    for _ in range(4):
        try:
            rest.server_time_ms()
        except VenueUnavailable:  # the close came between the check and the request
            continue
    assert server.connections > 1


@pytest.mark.slow
def test_six_hung_reads_do_not_hold_up_an_order(start: Start, connect: Callable[..., BinanceRest]) -> None:
    def script(peer: Peer) -> None:
        while request := peer.request():
            if request.startswith(b"POST"):
                peer.send(answer(FILLED))
            else:
                peer.until_client_goes()

    rest = connect(start(script).url, timeout_s=20.0)
    ended: list[Exception] = []

    def read() -> None:
        try:
            rest.ohlcv(BTC, Timeframe.M1, None, 5)
        except VenueUnavailable as error:
            ended.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert rest.place(ORDER).status is OrderStatus.FILLED
    assert ended == []
    rest.close()
    for thread in threads:
        thread.join()
    assert len(ended) == 6, "closing the adapter ends what is under way"


def test_threads_that_end_leave_no_descriptor_behind(start: Start, connect: Callable[..., BinanceRest]) -> None:
    rest = connect(start(say(TIME)).url)
    rest.server_time_ms()

    def descriptors() -> int:
        gc.collect()
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    def call() -> None:
        rest.server_time_ms()

    before = None
    for _ in range(3):
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        del threads, thread
        before = before if before is not None else descriptors()
    assert rest.statistics().threads == 1
    server_side = 8  # the server's ends close when its threads notice
    assert descriptors() <= before + server_side


def test_more_candles_than_a_page_are_refused_before_they_are_asked_for(connect: Callable[..., BinanceRest]) -> None:
    for limit in (0, 1_001):
        with pytest.raises(ValueError, match="limit"):
            connect("http://127.0.0.1:9").ohlcv(BTC, Timeframe.M1, None, limit)
