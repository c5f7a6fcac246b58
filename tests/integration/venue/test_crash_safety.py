"""Killed in the middle of trading, again and again: what was acknowledged stays, and the books add up."""

import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from core.ports.venue import Credentials
from tests.integration.venue.signed_requests import signed_form, signed_params
from tests.venues import VenueProcess

ACKNOWLEDGED_PER_LIFE = 40


@pytest.fixture
def own_venue(tmp_path: Path) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path, symbols=("BTC/USDT",), options=("--latency-ms", "0"))
    yield process
    process.stop()


class Client:
    """Sends orders until the venue is gone; remembers each answer and each private event it got."""

    def __init__(self, venue: VenueProcess, credentials: Credentials) -> None:
        self._venue = venue
        self._credentials = credentials
        self.answers: list[dict[str, Any]] = []
        self.told_trades: set[int] = set()
        self.enough = threading.Event()

    def run(self) -> None:
        listener = threading.Thread(target=self._listen)
        listener.start()
        with httpx.Client(base_url=self._venue.url, timeout=5) as http:
            skew_ms = int(http.get("/api/v3/time").json()["serverTime"] - time.time() * 1_000)
            try:
                for n in range(10_000):
                    self.answers.append(self._send(http, n, skew_ms))
                    if len(self.answers) >= ACKNOWLEDGED_PER_LIFE:
                        self.enough.set()
            except httpx.TransportError:
                pass
        listener.join()

    def _send(self, http: httpx.Client, n: int, skew_ms: int) -> dict[str, Any]:
        order = {"symbol": "BTCUSDT", "quantity": "0.001", "newOrderRespType": "FULL"}
        if n % 3 == 0:
            order |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "55000"}
        else:
            order |= {"side": "BUY" if n % 3 == 1 else "SELL", "type": "MARKET"}
        stamp_ms = int(time.time() * 1_000) + skew_ms
        body = signed_form(self._credentials, order | {"timestamp": stamp_ms, "recvWindow": 60_000})
        answer = http.post("/api/v3/order", content=body, headers={"X-MBX-APIKEY": self._credentials.api_key})
        if answer.status_code == 429 or answer.json().get("code") == -2010:
            return {}
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def _listen(self) -> None:
        time_ms = httpx.get(f"{self._venue.url}/api/v3/time").json()["serverTime"]
        params = signed_params(self._credentials, timestamp=time_ms)
        request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
        try:
            with connect(f"{self._venue.ws_url}/ws-api/v3") as connection:
                connection.send(json.dumps(request))
                for message in connection:
                    event = json.loads(message).get("event", {})
                    if event.get("x") == "TRADE":
                        self.told_trades.add(event["t"])
        except (ConnectionClosed, OSError):
            pass


@pytest.mark.slow
def test_every_life_keeps_what_the_last_one_promised(own_venue: VenueProcess) -> None:
    credentials = own_venue.register()
    answers: list[dict[str, Any]] = []
    told_trades: set[int] = set()
    for _ in range(3):
        client = Client(own_venue, credentials)
        thread = threading.Thread(target=client.run)
        thread.start()
        assert client.enough.wait(30)
        own_venue.kill()
        thread.join(30)
        answers += [answer for answer in client.answers if answer]
        told_trades |= client.told_trades
        own_venue.start()
    assert len(answers) > 2 * ACKNOWLEDGED_PER_LIFE
    ledger = own_venue.ledger(credentials)
    orders = {order["orderId"]: order for order in ledger["orders"]}
    assert len(orders) == len(ledger["orders"])
    for answer in answers:
        stored = orders[answer["orderId"]]
        assert Decimal(stored["executedQty"]) >= Decimal(answer["executedQty"])
        assert (stored["side"], stored["origQty"]) == (answer["side"], answer["origQty"])
    fills = {fill["id"] for fill in ledger["fills"]}
    assert len(fills) == len(ledger["fills"])
    assert {fill["tradeId"] for answer in answers for fill in answer["fills"]} <= fills
    assert told_trades
    assert told_trades <= fills
    assert_books_add_up(ledger)


def assert_books_add_up(ledger: dict[str, Any]) -> None:
    expected: dict[str, Decimal] = {}
    for deposit in ledger["deposits"]:
        expected[deposit["asset"]] = expected.get(deposit["asset"], Decimal(0)) + Decimal(deposit["amount"])
    for fill in ledger["fills"]:
        sign_ = 1 if fill["isBuyer"] else -1
        for asset, amount in (
            ("BTC", sign_ * Decimal(fill["qty"])),
            ("USDT", -sign_ * Decimal(fill["quoteQty"])),
            (fill["commissionAsset"], -Decimal(fill["commission"])),
        ):
            expected[asset] = expected.get(asset, Decimal(0)) + amount
    held = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in ledger["balances"].items()}
    assert held == expected
    locked = sum(
        Decimal(order["price"]) * (Decimal(order["origQty"]) - Decimal(order["executedQty"]))
        for order in ledger["orders"]
        if order["status"] in ("NEW", "PARTIALLY_FILLED") and order["side"] == "BUY"
    )
    assert Decimal(ledger["balances"]["USDT"]["locked"]) == locked
