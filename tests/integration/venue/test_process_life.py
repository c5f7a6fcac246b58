"""Starting, stopping, dying and coming back."""

import gzip
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import ccxt
import httpx
import pytest
from websockets.sync.client import connect

from core.cli.main import main
from core.ports.venue import Credentials
from tests.integration.venue.clients import ccxt_options
from tests.integration.venue.signed_requests import signed_params
from tests.venues import VenueProcess

BTC = "BTC/USDT"


@pytest.fixture
def own_venue(tmp_path: Path) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path, symbols=(BTC,))
    yield process
    process.stop()


def test_what_was_acknowledged_survives_a_kill(own_venue: VenueProcess) -> None:
    credentials = own_venue.register()
    exchange = ccxt.binance(ccxt_options(own_venue, credentials))
    exchange.load_markets()
    bid = exchange.fetch_order_book(BTC, 5)["bids"][0][0]
    filled = exchange.create_order(BTC, "market", "buy", 0.01)
    resting = exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "resting"})
    cancelled = exchange.create_order(BTC, "limit", "buy", 0.01, bid * 0.9)
    exchange.cancel_order(cancelled["id"], BTC)
    stop = exchange.create_order(BTC, "market", "sell", 0.005, None, {"stopLossPrice": bid * 0.9})
    balances = exchange.fetch_balance()["info"]["balances"]
    trades = exchange.fetch_my_trades(BTC)
    time_before = exchange.fetch_time()
    own_venue.kill()

    epoch = own_venue.ready["epoch"]
    own_venue.start()
    assert own_venue.ready["epoch"] == epoch
    assert own_venue.ready["seed"] == 7
    assert exchange.fetch_time() >= time_before
    assert exchange.fetch_balance()["info"]["balances"] == balances
    assert exchange.fetch_my_trades(BTC) == trades
    statuses = {order["id"]: order["status"] for order in exchange.fetch_orders(BTC)}
    assert statuses == {filled["id"]: "closed", resting["id"]: "open", cancelled["id"]: "canceled", stop["id"]: "open"}
    price = exchange.fetch_ticker(BTC)["last"]
    assert price == pytest.approx(bid, rel=0.05), "the market goes on where it was"
    assert exchange.cancel_order(None, BTC, {"origClientOrderId": "resting"})["status"] == "canceled"
    after = exchange.create_order(BTC, "market", "buy", 0.01)
    assert int(after["id"]) > int(stop["id"])
    ids = [trade["id"] for trade in exchange.fetch_my_trades(BTC)]
    assert len(ids) == len(set(ids)) > len(trades)
    exchange.session.close()


def test_a_clean_stop_says_goodbye_on_private_streams(own_venue: VenueProcess) -> None:
    credentials = own_venue.register()
    with connect(f"{own_venue.ws_url}/ws-api/v3") as connection:
        time_ms = httpx.get(f"{own_venue.url}/api/v3/time").json()["serverTime"]
        params = signed_params(credentials, timestamp=time_ms)
        connection.send(json.dumps({"id": 1, "method": "userDataStream.subscribe.signature", "params": params}))
        assert json.loads(connection.recv(20))["status"] == 200
        assert own_venue.process is not None
        own_venue.process.send_signal(signal.SIGTERM)
        assert json.loads(connection.recv(20))["event"]["e"] == "eventStreamTerminated"
    assert own_venue.stop() == 0


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and message of a venue that can't begin."""
    code = main(["simulate", *arguments])
    output = capsys.readouterr()
    assert output.out == "", "no ready line"
    assert "Traceback" not in output.err
    return code, output.err


def test_a_port_in_use_is_named(venue: VenueProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = refusal(capsys, "--port", str(venue.port), "--data-dir", str(tmp_path))
    assert code == 2
    assert f"port {venue.port} on 127.0.0.1 is in use" in message


def test_two_venues_never_share_their_books(venue: VenueProcess, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = refusal(capsys, "--port", "0", "--data-dir", str(venue.data_dir))
    assert code == 2
    assert "another venue runs on" in message


def test_a_folder_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sim").write_text("not a folder")
    code, message = refusal(capsys, "--port", "0", "--data-dir", str(tmp_path))
    assert code == 2
    assert f"the venue's folder {tmp_path / 'sim' / 'generated'} can't be used" in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--speed", "1000"), "simulation.speed"),
        (("--market", "replay"), "simulation.replay_files"),
        (("--deposit", "USDT"), "ASSET=AMOUNT"),
        (("--account", "key"), "KEY:SECRET"),
        (("--symbols", "BTCUSDT"), "BTCUSDT"),
    ],
)
def test_wrong_settings_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, message = refusal(capsys, "--port", "0", "--data-dir", str(tmp_path), *arguments)
    assert code == 2
    assert words in message


@pytest.mark.slow
def test_who_asks_too_much_is_told_to_wait_and_then_banned(tmp_path: Path) -> None:
    process = VenueProcess(tmp_path, symbols=(BTC,), speed=60, options=("--weight-limit", "100", "--latency-ms", "0"))
    try:
        with httpx.Client(base_url=process.url) as http:
            assert http.get("/api/v3/exchangeInfo").json()["rateLimits"][0]["limit"] == 100
            statuses = []
            while 418 not in statuses:
                answer = http.get("/api/v3/exchangeInfo")
                statuses.append(answer.status_code)
            assert set(statuses) == {200, 429, 418}
            assert answer.json()["code"] == -1003
            assert int(answer.headers["retry-after"]) >= 1
            with pytest.raises(ccxt.DDoSProtection):
                exchange = ccxt.binance(ccxt_options(process, Credentials("paper", "paper")))
                try:
                    exchange.fetch_ticker("BTC/USDT")
                finally:
                    exchange.session.close()
    finally:
        assert process.stop() == 0


@pytest.mark.slow
def test_recorded_candles_are_played_again(tmp_path: Path) -> None:
    first_ms = 1_640_995_200_000
    rows = [
        f"{first_ms + n * 60_000},{100 + n % 7},{108 + n % 7},{99 + n % 7},{101 + n % 7},{5 + n % 3}"
        for n in range(1_200)
    ]
    file = tmp_path / "ABC-USDT-1m.csv"
    file.write_text("open_time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    process = VenueProcess(tmp_path, speed=60, options=("--market", "replay", "--files", str(file)))
    try:
        with httpx.Client(base_url=process.url) as http:
            assert http.get("/api/v3/exchangeInfo").json()["symbols"][0]["symbol"] == "ABCUSDT"
            while len(played := http.get("/api/v3/klines?symbol=ABCUSDT&interval=1m&limit=1000").json()) < 503:
                pass
        recorded = [[float(value) for value in row.split(",")] for row in rows]
        assert [[float(value) for value in candle[:6]] for candle in played[:502]] == recorded[:502]
    finally:
        assert process.stop() == 0


@pytest.mark.slow
def test_the_end_of_a_recording_is_said_in_the_log_and_in_health(tmp_path: Path) -> None:
    file = tmp_path / "ABC-USDT-1m.csv"
    rows = [f"{1_640_995_200_000 + n * 60_000},100,108,99,101,5" for n in range(4)]
    file.write_text("open_time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    process = VenueProcess(tmp_path, speed=60, options=("--market", "replay", "--files", str(file)))
    try:
        while not (ended := process.admin("/health")["recordingsEnded"]):
            pass
        assert ended == ["ABCUSDT"]
        while "recording_ended" not in (log := (tmp_path / "venue.log").read_text()):
            pass
    finally:
        assert process.stop() == 0
    assert log.count("ABCUSDT") == 1


@pytest.mark.slow
def test_recorded_streams_play_under_their_own_symbol_and_go_on_after_a_restart(tmp_path: Path) -> None:
    first_ms = 1_700_000_040_000
    lines = []
    for n in range(3_000):
        data = {"e": "trade", "s": "XYZUSDT", "t": n + 1, "p": f"{100 + n % 9}.5", "q": "2", "T": first_ms + n * 100}
        quote = {"u": n + 1, "s": "XYZUSDT", "b": f"{100 + n % 9}.4", "B": "5", "a": f"{100 + n % 9}.5", "A": "7"}
        for stream, body in (("trade", data | {"m": False}), ("bookTicker", quote)):
            message = json.dumps({"stream": f"xyzusdt@{stream}", "data": body})
            lines.append(f"{(first_ms + n * 100) * 1_000_000} {message}\n")
    file = tmp_path / "any-name.gz"
    file.write_bytes(gzip.compress("".join(lines).encode()))
    process = VenueProcess(tmp_path, speed=60, options=("--replay", str(file)))
    try:
        with httpx.Client(base_url=process.url) as http:
            minutes = "/api/v3/klines?symbol=XYZUSDT&interval=1m"
            while len(candles := http.get(minutes).json()) < 3:
                pass
            assert [row[:6] for row in candles[:2]] == [
                [first_ms + minute * 60_000, first, "108.50000000", "100.50000000", last, "1200.00000000"]
                for minute, first, last in ((0, "100.50000000", "105.50000000"), (1, "106.50000000", "102.50000000"))
            ]
            process.stop()
            process.start()
            assert http.get(minutes).json()[:2] == candles[:2]
            while "recording_ended" not in (tmp_path / "venue.log").read_text():
                pass
            best = http.get("/api/v3/ticker/bookTicker?symbol=XYZUSDT").json()
            assert (best["bidPrice"], best["askQty"]) == ("102.40000000", "7.00000000")
    finally:
        assert process.stop() == 0


def test_recorded_streams_that_were_cut_off_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "btcusdt.gz"
    file.write_bytes(gzip.compress(b"1700000000000000000 {}\n" * 2_000)[:-30])
    code, message = refusal(capsys, "--port", "0", "--data-dir", str(tmp_path), "--replay", str(file))
    assert code == 2
    assert f"{file}, after line" in message
    assert "cut off" in message


def test_a_recording_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ABC-USDT-1m.csv"
    file.write_text("open_time,open,high,low,close,volume\n1640995200000,1,2,0.5,nonsense,5\n")
    code, message = refusal(
        capsys, "--port", "0", "--data-dir", str(tmp_path), "--market", "replay", "--files", str(file)
    )
    assert code == 2
    assert f"{file}, line 2" in message
