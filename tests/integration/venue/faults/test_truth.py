"""Whatever the venue does to its clients, its own books are true."""

import asyncio
import random
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.simulation.server.faults.kinds import KINDS
from tests.integration.venue.signed_requests import signed_form
from tests.venues import VenueProcess

pytestmark = pytest.mark.slow


N_ACCOUNTS = 3
FLOW_S = 20.0


class Trader:
    """Places and cancels at random, and never asks what became of it."""

    def __init__(self, venue: VenueProcess, seed: int) -> None:
        self.account = venue.register(deposit={"USDT": "1000000", "BTC": "10"})
        self._url = venue.url
        self._rng = random.Random(seed)
        self._ids: list[str] = []

    async def trade(self, until_s: float) -> None:
        headers = {"X-MBX-APIKEY": self.account.api_key}
        async with httpx.AsyncClient(base_url=self._url, timeout=1, headers=headers) as http:
            while time.monotonic() < until_s:
                try:
                    await (self._cancel(http) if self._rng.random() < 0.3 else self._place(http))
                except (httpx.HTTPError, ValueError, KeyError):
                    await asyncio.sleep(0.01)

    async def _place(self, http: httpx.AsyncClient) -> None:
        rng, client_id = self._rng, f"c{len(self._ids)}"
        self._ids.append(client_id)
        order = {"symbol": "BTCUSDT", "side": rng.choice(("BUY", "SELL")), "newClientOrderId": client_id}
        order["quantity"] = f"{rng.randint(100, 5_000) / 100_000:.5f}"
        if rng.random() < 0.4:
            order["type"] = "MARKET"
        else:
            price = 60_000 * (1 + rng.uniform(-0.01, 0.01))
            order |= {"type": "LIMIT", "timeInForce": "GTC", "price": f"{price:.2f}"}
        await self._signed(http, "POST", order)

    async def _cancel(self, http: httpx.AsyncClient) -> None:
        if self._ids:
            name = self._rng.choice(self._ids[-20:])
            await self._signed(http, "DELETE", {"symbol": "BTCUSDT", "origClientOrderId": name})

    async def _signed(self, http: httpx.AsyncClient, method: str, params: dict[str, str]) -> None:
        server_ms = (await http.get("/api/v3/time")).json()["serverTime"]
        query = signed_form(self.account, params | {"timestamp": str(server_ms), "recvWindow": "60000"})
        await http.request(method, f"/api/v3/order?{query}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_sums_are_conserved_and_the_ledger_is_true(tmp_path: Path, seed: int) -> None:
    options = (
        "--latency-ms",
        "0",
        "--random-faults",
        str(seed),
        "--fault-intensity",
        "15",
        "--weight-limit",
        "1000000000",
    )
    venue = VenueProcess(tmp_path, symbols=("BTC/USDT",), speed=30, options=options)
    try:
        traders = [Trader(venue, seed * 100 + number) for number in range(N_ACCOUNTS)]
        until_s = time.monotonic() + FLOW_S
        await asyncio.gather(*(trader.trade(until_s) for trader in traders))
        entries = venue.admin("/faults/log")["entries"]
        ledgers = [venue.ledger(trader.account) for trader in traders]
        assert venue.process is not None
        assert venue.process.poll() is None, "it is alive"
    finally:
        assert venue.stop() == 0
    assert len({entry["kind"] for entry in entries if entry["event"] == "hit"}) >= len(KINDS) / 4
    assert sum(len(ledger["fills"]) for ledger in ledgers) > 50
    for ledger in ledgers:
        check(ledger)
    assert "Traceback" not in (tmp_path / "venue.log").read_text()


def check(ledger: dict[str, Any]) -> None:
    """Balances are deposits and fills; orders are filled by their fills, never beyond their quantity or limit; what is
    locked belongs to open orders."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for deposit in ledger["deposits"]:
        sums[deposit["asset"]] += Decimal(deposit["amount"])
    orders = {order["orderId"]: order for order in ledger["orders"]}
    for fill in ledger["fills"]:
        sign_ = 1 if fill["isBuyer"] else -1
        sums["BTC"] += sign_ * Decimal(fill["qty"])
        sums["USDT"] -= sign_ * Decimal(fill["quoteQty"])
        sums[fill["commissionAsset"]] -= Decimal(fill["commission"])
        filled[fill["orderId"]] += Decimal(fill["qty"])
        limit = Decimal(orders[fill["orderId"]]["price"])
        if limit:
            assert sign_ * (limit - Decimal(fill["price"])) >= 0, "no fill is worse than its limit"
    held = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in ledger["balances"].items()}
    assert {asset: total for asset, total in sums.items() if total} == {a: total for a, total in held.items() if total}
    locked: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders.values():
        assert Decimal(order["executedQty"]) == filled[order["orderId"]] <= Decimal(order["origQty"])
        if order["status"] in ("NEW", "PARTIALLY_FILLED"):
            rest = Decimal(order["origQty"]) - Decimal(order["executedQty"])
            buys = order["side"] == "BUY"
            locked["USDT" if buys else "BTC"] += rest * (Decimal(order["price"]) if buys else 1)
    assert locked["BTC"] == Decimal(ledger["balances"]["BTC"]["locked"])
    assert abs(locked["USDT"] - Decimal(ledger["balances"]["USDT"]["locked"])) < Decimal("0.0001"), "locks round up"
