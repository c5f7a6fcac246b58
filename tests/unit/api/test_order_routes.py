"""Orders by hand over the API: whole tickets only, no key that means nothing, refused with a reason."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.orders import OrderType, Side
from core.domain.tickets import CancelOrder, PlaceOrder
from unit.api.daemon import FixedControls, FixedView, serving

WHY = {"reason": "lunch", "by": "me"}
BODY: dict[str, Any] = {"ticket_id": "t-1", "symbol": "btcusdt", "side": "buy", "quantity": "0.10", **WHY}
LIMIT = BODY | {"order_type": "limit", "price": "50000.5"}


async def test_a_ticket_is_handed_over_by_its_symbols_right_name_and_answered_with_its_order(tmp_path: Path):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        for is_repeated in (False, True):
            answer = await client.post("/api/v1/orders", json=LIMIT)
            assert answer.status_code == 200, answer.text
            assert (answer.json()["ticket_id"], answer.json()["is_repeated"]) == ("t-1", is_repeated)
            assert answer.json()["order"]["strategies"] == ["manual"]
        assert controls.ticket == PlaceOrder(
            "t-1", "BTC/USDT", Side.BUY, Decimal("0.10"), OrderType.LIMIT, "lunch", "me", price=Decimal("50000.5")
        )


async def test_a_cancel_is_handed_over_and_answered(tmp_path: Path):
    controls = FixedControls()
    order_id = controls.order.client_order_id
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post(f"/api/v1/orders/{order_id}/cancel", json=WHY)
        assert (answer.status_code, answer.json()["client_order_id"]) == (200, order_id)
        assert controls.cancelled == CancelOrder(order_id, "lunch", "me")
        assert (await client.post("/api/v1/orders/nope/cancel", json=WHY)).status_code == 404


@pytest.mark.parametrize("path", ["orders", "orders/x/cancel"])
async def test_without_the_token_nothing_is_ordered(tmp_path: Path, path: str):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        del client.headers["Authorization"]
        assert (await client.post(f"/api/v1/{path}", json=LIMIT)).status_code == 401
        assert (controls.ticket, controls.cancelled) == (None, None)


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ("unknown key 'stop_prise'; did you mean 'stop_price'?", LIMIT | {"stop_prise": "1"}),
        ("quantity", LIMIT | {"quantity": "NaN"}),
        ("quantity", LIMIT | {"quantity": "lots"}),
        ("quantity", LIMIT | {"quantity": -1}),
        ("price: a limit order needs a limit price", BODY | {"order_type": "limit"}),
        ("order_type", LIMIT | {"order_type": "wish"}),
        ("side", LIMIT | {"side": "both"}),
        ("reason", LIMIT | {"reason": ""}),
        ("ticket_id", LIMIT | {"ticket_id": "../x"}),
        ("time_in_force", LIMIT | {"time_in_force": "GTD"}),
    ],
)
async def test_what_is_no_ticket_is_refused_in_words(tmp_path: Path, words: str, body: dict[str, Any]):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post("/api/v1/orders", json=body)
        assert answer.status_code == 400 and words in answer.json()["detail"], answer.text
        assert controls.ticket is None


@pytest.mark.parametrize("body", [b"[" * 9_000, b'{"a":' * 1_500, b"", b"\xff", b"x" * 20_000])
async def test_garbage_is_no_ticket(tmp_path: Path, body: bytes):
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.post("/api/v1/orders", content=body)).status_code == 400


async def test_a_symbol_that_is_not_traded_is_not_found_and_a_refusal_is_a_conflict(tmp_path: Path):
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post("/api/v1/orders", json=LIMIT | {"symbol": "BTC/USD"})
        assert answer.status_code == 404 and "did you mean BTC/USDT" in answer.json()["detail"]
        controls.refusal = "LEVEL_FORBIDS level=LOCKED"
        for path, body in (("orders", LIMIT), ("orders/x/cancel", WHY)):
            answer = await client.post(f"/api/v1/{path}", json=body)
            assert (answer.status_code, answer.json()) == (409, {"detail": "LEVEL_FORBIDS level=LOCKED"})
