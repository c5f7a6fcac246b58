"""One account at a venue that misbehaves, spoken for with plain HTTP and WebSockets."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.integration.venue.signed_requests import signed_form, signed_params
from tests.venues import VenueProcess

TIMEOUT_S = 20
FAR_BELOW = "55000"
"""A price at which nothing trades by itself."""


class Client:
    """A fresh account. The venue runs at speed 1, so that its time is the machine's."""

    def __init__(self, venue: VenueProcess) -> None:
        self.venue = venue
        self.account = venue.register(deposit={"USDT": "100000", "BTC": "1"})
        self.key = self.account.api_key
        self.http = httpx.Client(base_url=venue.url, timeout=TIMEOUT_S, headers={"X-MBX-APIKEY": self.key})

    @contextlib.contextmanager
    def fault(self, kind: str, **entry: Any) -> Iterator[dict[str, Any]]:
        """Armed while the block runs."""
        fault = self.venue.admin("/faults", {"kind": kind} | entry)
        try:
            yield fault
        finally:
            self.end(fault)

    def end(self, fault: dict[str, Any]) -> None:
        """Nothing happens to one that is over."""
        httpx.delete(f"{self.venue.admin_url}/faults/{fault['id']}", timeout=TIMEOUT_S)

    def log(self, fault: dict[str, Any]) -> list[str]:
        entries = self.venue.admin("/faults/log")["entries"]
        return [entry["event"] for entry in entries if entry["fault"] == fault["id"]]

    def signed(self, method: str, path: str, **params: Any) -> httpx.Response:
        return self.http.request(method, f"{path}?{signed_form(self.account, params | {'recvWindow': 60_000})}")

    def order(self, **params: Any) -> httpx.Response:
        """A resting buy of 0.01 BTC, unless `params` say otherwise; `None` leaves one out."""
        usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        wanted = usual | {"price": FAR_BELOW} | params
        given = {name: value for name, value in wanted.items() if value is not None}
        return self.signed("POST", "/api/v3/order", **given)

    def market_order(self, **params: Any) -> httpx.Response:
        return self.order(type="MARKET", timeInForce=None, price=None, **params)

    def query(self, client_id: str) -> httpx.Response:
        return self.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=client_id)

    def cancel(self, client_id: str) -> httpx.Response:
        return self.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=client_id)

    @contextlib.contextmanager
    def private_stream(self, *, answered: bool = True) -> Iterator[ClientConnection]:
        """Subscribed; `answered` false: the subscription's answer is still to be read."""
        with connect(f"{self.venue.ws_url}/ws-api/v3") as connection:
            params = signed_params(self.account)
            request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
            connection.send(json.dumps(request))
            if answered:
                assert json.loads(connection.recv(TIMEOUT_S))["status"] == 200
            yield connection

    @contextlib.contextmanager
    def stream(self, name: str) -> Iterator[ClientConnection]:
        with connect(f"{self.venue.ws_url}/ws/{name}") as connection:
            yield connection


def received(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(connection.recv(TIMEOUT_S))
    return message


def events(connection: ClientConnection, n: int, kind: str = "executionReport") -> list[dict[str, Any]]:
    """The next `n` private events of this kind."""
    found: list[dict[str, Any]] = []
    while len(found) < n:
        event = received(connection)["event"]
        if event["e"] == kind:
            found.append(event)
    return found
