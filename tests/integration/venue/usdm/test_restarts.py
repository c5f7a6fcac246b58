"""What USD-M accounts keep when the venue is killed, and listen keys when their time is over."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from core.ports.venue import Credentials
from tests.integration.venue.signed_requests import signed_form
from tests.venues import VenueProcess

PERPETUALS = ("BTC/USDT:USDT", "SOL/USDT:USDT")


class Client:
    """Signs requests by the venue's own clock, which a restart may have moved on."""

    def __init__(self, venue: VenueProcess, credentials: Credentials) -> None:
        self._venue = venue
        self._credentials = credentials

    def ask(self, method: str, path: str, **params: object) -> Any:
        time_ms = httpx.get(f"{self._venue.url}/fapi/v1/time").json()["serverTime"]
        query = signed_form(self._credentials, params | {"timestamp": time_ms, "recvWindow": 60_000})
        headers = {"X-MBX-APIKEY": self._credentials.api_key}
        return httpx.request(method, f"{self._venue.url}/fapi/{path}?{query}", headers=headers).json()

    def order(self, **params: object) -> Any:
        return self.ask("POST", "v1/order", symbol="BTCUSDT", **params)

    def last_price(self) -> float:
        return float(httpx.get(f"{self._venue.url}/fapi/v1/ticker/price?symbol=BTCUSDT").json()["price"])

    def held(self) -> dict[str, Any]:
        """All that must be the same after a restart; what moves with the mark price is left out."""
        account = self.ask("GET", "v3/account")
        return {
            "wallet": account["totalWalletBalance"],
            "positions": [
                {key: each[key] for key in ("symbol", "positionSide", "positionAmt", "isolatedWallet")}
                for each in account["positions"]
            ],
            "entry": [each["entryPrice"] for each in self.ask("GET", "v3/positionRisk")],
            "orders": self.ask("GET", "v1/allOrders", symbol="BTCUSDT"),
            "algos": self.ask("GET", "v1/allAlgoOrders", symbol="BTCUSDT"),
            "trades": self.ask("GET", "v1/userTrades", symbol="BTCUSDT"),
            "income": self.ask("GET", "v1/income"),
            "settings": self.ask("GET", "v1/symbolConfig"),
            "mode": self.ask("GET", "v1/positionSide/dual"),
        }

    def listen(self) -> ClientConnection:
        key = self.ask("POST", "v1/listenKey")["listenKey"]
        return connect(f"{self._venue.ws_url}/fut/private/ws?listenKey={key}")


def next_event(connection: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(connection.recv(timeout=20))
        if event["e"] == kind:
            return event


@pytest.fixture
def own_venue(tmp_path: Path) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path, symbols=PERPETUALS, options=("--latency-ms", "0"))
    yield process
    process.stop()


@pytest.mark.slow
def test_a_kill_takes_nothing_away(own_venue: VenueProcess) -> None:
    client = Client(own_venue, own_venue.register())
    client.ask("POST", "v1/leverage", symbol="BTCUSDT", leverage=7)
    client.ask("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    client.ask("POST", "v1/positionSide/dual", dualSidePosition="true")
    client.order(side="BUY", type="MARKET", quantity="0.050", positionSide="LONG")
    client.order(side="SELL", type="MARKET", quantity="0.020", positionSide="SHORT")
    client.order(side="SELL", type="MARKET", quantity="0.010", positionSide="LONG")
    price = client.last_price()
    far = f"{price * 0.97:.1f}"
    resting = client.order(side="BUY", type="LIMIT", quantity="0.01", price=far, timeInForce="GTC", positionSide="LONG")
    stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": f"{price * 0.8:.1f}"}
    waiting = client.ask(
        "POST", "v1/algoOrder", symbol="BTCUSDT", side="SELL", quantity="0.01", positionSide="LONG", **stop
    )
    with client.listen() as listener:
        before = client.held()
        own_venue.kill()
        old_address = listener.request.path if listener.request is not None else ""
    own_venue.start()
    assert client.held() == before
    with connect(own_venue.ws_url + old_address) as listener:  # a listen key outlives the process
        cancelled = client.ask("DELETE", "v1/order", symbol="BTCUSDT", orderId=resting["orderId"])
        assert cancelled["status"] == "CANCELED"
        assert next_event(listener, "ORDER_TRADE_UPDATE")["o"]["i"] == resting["orderId"]
    assert client.ask("DELETE", "v1/algoOrder", algoId=waiting["algoId"])["code"] == "200"
    newer = client.order(side="SELL", type="MARKET", quantity="0.040", positionSide="LONG")
    assert newer["orderId"] > resting["orderId"]
    trades = client.ask("GET", "v1/userTrades", symbol="BTCUSDT")
    assert len({trade["id"] for trade in trades}) == len(trades)
    assert len({trade["orderId"] for trade in trades}) == 4
    positions = {each["positionSide"]: each["positionAmt"] for each in client.ask("GET", "v3/positionRisk")}
    assert positions == {"SHORT": "-0.020"}


@pytest.mark.slow
def test_perpetuals_come_back_unasked_and_older_accounts_get_a_wallet(tmp_path: Path) -> None:
    spot_only = VenueProcess(tmp_path, symbols=("BTC/USDT",), options=("--latency-ms", "0"))
    credentials = spot_only.register()
    assert "usdm" not in spot_only.ledger(credentials)
    spot_only.stop()
    with_perpetuals = VenueProcess(tmp_path, symbols=PERPETUALS, options=("--usdm-deposit", "USDT=5000"))
    client = Client(with_perpetuals, credentials)
    assert client.ask("GET", "v3/account")["totalWalletBalance"] == "5000.00000000"
    client.order(side="BUY", type="MARKET", quantity="0.010")
    held = client.held()
    with_perpetuals.stop()
    again = VenueProcess(tmp_path, symbols=("ETH/USDT",))
    client = Client(again, credentials)
    symbols = httpx.get(f"{again.url}/fapi/v1/exchangeInfo").json()["symbols"]
    assert [each["symbol"] for each in symbols] == ["BTCUSDT"]
    assert client.held() | {"settings": held["settings"]} == held
    assert again.stop() == 0


@pytest.mark.slow
def test_a_listen_key_ends_unless_it_is_kept_alive(tmp_path: Path) -> None:
    config = tmp_path / "short.toml"
    config.write_text("[simulation]\nlisten_key_s = 3.0\n")
    venue = VenueProcess(tmp_path, symbols=PERPETUALS, options=("--config", str(config)))
    client = Client(venue, venue.register())
    with client.listen() as listener:
        opened_s = time.monotonic()
        assert "listenKey" in client.ask("PUT", "v1/listenKey")
        expired = next_event(listener, "listenKeyExpired")
        assert time.monotonic() - opened_s >= 2.5
        client.order(side="BUY", type="MARKET", quantity="0.010")
        with client.listen() as newer:
            client.order(side="SELL", type="MARKET", quantity="0.010")
            assert next_event(newer, "ORDER_TRADE_UPDATE")["o"]["S"] == "SELL"
        with pytest.raises(TimeoutError):  # the old connection has heard its last event
            listener.recv(timeout=0.1)
    assert expired["listenKey"] != client.ask("POST", "v1/listenKey")["listenKey"]
    assert client.ask("DELETE", "v1/listenKey") == {}
    assert client.ask("PUT", "v1/listenKey")["code"] == -1125
    assert venue.stop() == 0


def test_deposits_by_wallet(own_venue: VenueProcess) -> None:
    credentials = own_venue.register()
    own_venue.admin("/accounts", {"key": "rich", "secret": "s", "deposit": {}, "usdmDeposit": {"USDT": "7"}})
    rich = Client(own_venue, Credentials("rich", "s"))
    assert rich.ask("GET", "v2/balance")[0]["balance"] == "7.00000000"
    own_venue.admin("/deposits", {"account": "rich", "asset": "USDT", "amount": "-2", "wallet": "usdm"})
    assert rich.ask("GET", "v3/balance")[0]["availableBalance"] == "5.00000000"
    assert own_venue.ledger(credentials)["usdm"]["wallets"] == {"USDT": "100000.00000000"}
