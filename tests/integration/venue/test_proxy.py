"""Unmodified clients that mean the real venue, in front of the simulated one's proxy."""

import asyncio
import json
import shlex
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.pro
import httpx
import psutil
import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from core.ports.venue import Credentials
from tests.integration.venue.clients import until_subscribed
from tests.venues import SYMBOLS, VenueProcess

BTC, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    symbols = (*SYMBOLS, PERPETUAL)
    options = ("--proxy", "0", "--latency-ms", "0")
    process = VenueProcess(tmp_path_factory.mktemp("proxied"), symbols=symbols, options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture
def environment(proxied: VenueProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the venue prints for its users, set."""
    assert proxied.process is not None and proxied.process.stdout is not None
    url, trusted = proxied.ready["proxy_url"], proxied.ready["proxy_ca_file"]
    monkeypatch.setenv("HTTPS_PROXY", url)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, trusted)
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def ccxt_options(proxied: VenueProcess, credentials: Credentials) -> dict[str, Any]:
    """A proxy, keys and nothing about addresses."""
    url = proxied.ready["proxy_url"]
    return {
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "httpsProxy": url,
        "wssProxy": url,
        "requests_trust_env": True,
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}},
    }


def test_it_tells_what_to_set(proxied: VenueProcess) -> None:
    assert proxied.process is not None and proxied.process.stdout is not None
    lines = [proxied.process.stdout.readline() for _ in range(8)]
    told = [shlex.split(line)[1] for line in lines if not line.startswith("# ")]
    found = dict(line.split("=", 1) for line in told)
    assert f'"fapiPublic": "{proxied.url}/fapi/v1"' in lines[1]
    assert found["HTTPS_PROXY"] == proxied.ready["proxy_url"]
    assert found["SSL_CERT_FILE"] == proxied.ready["proxy_ca_file"] == found["REQUESTS_CA_BUNDLE"]


def test_no_key_is_left_on_disk(proxied: VenueProcess) -> None:
    for file in (proxied.data_dir / "sim").rglob("*"):
        assert file.is_dir() or b"PRIVATE KEY" not in file.read_bytes()


@pytest.mark.usefixtures("environment")
def test_rest_by_host() -> None:
    answers = [requests.get(f"https://api{n}.binance.com/api/v3/ping", timeout=10) for n in ("", "1", "4", "-gcp")]
    assert [answer.json() for answer in answers] == [{}] * 4
    assert httpx.get("https://data-api.binance.vision/api/v3/time").json()["serverTime"] > 0
    for url in ("https://stream.binance.com:9443/api/v3/time", "https://dapi.binance.com/api/v3/time"):
        assert requests.get(url, timeout=10).status_code == 404
    perpetuals = requests.get("https://fapi.binance.com/fapi/v1/exchangeInfo", timeout=10).json()["symbols"]
    assert [each["contractType"] for each in perpetuals] == ["PERPETUAL"]
    listed = requests.get("https://dapi.binance.com/dapi/v1/exchangeInfo", timeout=10).json()
    assert listed["symbols"] == []
    refusal = requests.get("https://eapi.binance.com/eapi/v1/depth?symbol=BTC-1-1-C", timeout=10)
    assert (refusal.status_code, refusal.json()["code"]) == (400, -1121)


@pytest.mark.usefixtures("environment")
def test_vendors_by_host() -> None:
    index = requests.get("https://www.deribit.com/api/v2/public/get_index_price?index_name=btc_usd", timeout=30)
    assert index.json()["result"]["index_price"] > 0
    keys = {"APCA-API-KEY-ID": "paper", "APCA-API-SECRET-KEY": "paper"}
    quotes = requests.get("https://data.alpaca.markets/v2/stocks/quotes/latest?symbols=SPY", headers=keys, timeout=30)
    assert quotes.json()["quotes"]["SPY"]["bp"] > 0
    assert requests.get("https://www.deribit.com/v2/stocks/bars", headers=keys, timeout=10).status_code == 404


@pytest.mark.usefixtures("environment")
def test_other_hosts_are_refused_and_never_dialled(proxied: VenueProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        for host in ("example.com", "testnet.binance.vision", "localhost", f"127.0.0.1:{stranger.getsockname()[1]}"):
            with pytest.raises(requests.exceptions.ProxyError, match="403"):
                requests.get(f"https://{host}/", timeout=10)
        with pytest.raises(BlockingIOError):
            stranger.accept()
    urls = [proxied.url, proxied.admin_url, proxied.ready["proxy_url"]]
    ports = {int(url.rpartition(":")[2]) for url in urls}
    sockets = psutil.Process(proxied.ready["pid"]).net_connections("inet")
    assert sockets and {each.laddr.port for each in sockets} == ports


@pytest.mark.usefixtures("environment")
async def test_sockets_by_host() -> None:
    async with connect("wss://stream.binance.com:9443/ws/btcusdt@depth@100ms") as stream:
        assert json.loads(await stream.recv())["e"] == "depthUpdate"
    async with connect("wss://stream.binance.com/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker") as stream:
        assert json.loads(await stream.recv())["stream"].endswith("@bookTicker")
    async with connect("wss://ws-api.binance.com/ws-api/v3") as api:
        await api.send('{"id": 1, "method": "time"}')
        assert json.loads(await api.recv())["status"] == 200
    async with connect("wss://fstream.binance.com/market/ws/btcusdt@markPrice@1s") as stream:
        assert json.loads(await stream.recv())["e"] == "markPriceUpdate"
    for url in ("wss://ws-api.binance.com/ws/btcusdt@trade", "wss://stream.binance.com:9443/ws-api/v3"):
        with pytest.raises(InvalidStatus, match="404"):
            await connect(url)


@pytest.mark.usefixtures("environment")
def test_ccxt_has_the_classes_of_errors_that_it_keeps_for_each_host(proxied: VenueProcess) -> None:
    exchange = ccxt.binance(ccxt_options(proxied, proxied.register()) | {"options": {"defaultType": "swap"}})
    try:
        ask = exchange.fetch_order_book(PERPETUAL, 5)["asks"][0][0]
        with pytest.raises(ccxt.OrderNotFillable):
            exchange.create_order(PERPETUAL, "limit", "buy", 0.01, round(ask * 1.01, 1), {"timeInForce": "GTX"})
    finally:
        exchange.session.close()


@pytest.mark.usefixtures("environment")
def test_ccxt_trades_at_the_real_addresses(proxied: VenueProcess) -> None:
    exchange = ccxt.binance(ccxt_options(proxied, proxied.register()))
    try:
        order = exchange.create_order(BTC, "market", "buy", 0.01)
        assert (order["status"], order["filled"]) == ("closed", 0.01)
        assert exchange.last_request_url.startswith("https://api.binance.com/")
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order(BTC, "limit", "buy", 50, order["price"])
    finally:
        exchange.session.close()


async def test_ccxt_streams_at_the_real_addresses(proxied: VenueProcess) -> None:
    exchange = ccxt.pro.binance(ccxt_options(proxied, proxied.register()))
    exchange.cafile = proxied.ready["proxy_ca_file"]
    try:
        async with asyncio.timeout(30):
            assert (await exchange.watch_order_book(BTC))["bids"]
            watching = asyncio.create_task(exchange.watch_orders(BTC))
            await until_subscribed(exchange)
            placed = await exchange.create_order(BTC, "market", "buy", 0.01)
            assert (await watching)[0]["id"] == placed["id"]
            hosts = {client.url.split("/")[2] for client in exchange.clients.values()}
            assert hosts == {"stream.binance.com:9443", "ws-api.binance.com:443"}
    finally:
        await exchange.close()


async def test_perpetuals_at_the_real_addresses(proxied: VenueProcess) -> None:
    """There ccxt knows the futures' own error codes, as it does not where the URL is another."""
    options = ccxt_options(proxied, proxied.register())
    options["options"] = {"fetchMarkets": {"types": ["spot", "linear"]}}
    exchange = ccxt.pro.binance(options)
    exchange.cafile = proxied.ready["proxy_ca_file"]
    try:
        async with asyncio.timeout(30):
            book = await exchange.watch_order_book(PERPETUAL)
            assert (await exchange.watch_mark_price(PERPETUAL))["markPrice"] > 0
            price = float(exchange.price_to_precision(PERPETUAL, book["asks"][0][0] * 1.01))
            with pytest.raises(ccxt.OrderNotFillable):
                await exchange.create_order(PERPETUAL, "limit", "buy", 0.01, price, {"postOnly": True})
            with pytest.raises(ccxt.InsufficientFunds):
                await exchange.create_order(PERPETUAL, "market", "buy", 90)
            assert (await exchange.create_order(PERPETUAL, "market", "buy", 0.01))["status"] == "closed"
            hosts = {client.url.split("/")[2] for client in exchange.clients.values()}
            assert hosts == {"fstream.binance.com"}
    finally:
        await exchange.close()


def test_a_stranger_to_its_authority_is_not_fooled(proxied: VenueProcess) -> None:
    with (
        socket.create_connection(("127.0.0.1", int(proxied.ready["proxy_url"].rpartition(":")[2])), timeout=10) as raw,
    ):
        raw.sendall(b"CONNECT api.binance.com:443 HTTP/1.1\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw, server_hostname="api.binance.com")


def test_a_port_in_use_is_said(proxied: VenueProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    taken = proxied.ready["proxy_url"].rpartition(":")[2]
    with pytest.raises(AssertionError, match=rf"code 2.*simulation.proxy_port: port {taken} on 127.0.0.1 is in use"):
        VenueProcess(tmp_path_factory.mktemp("late"), options=("--proxy", taken))
