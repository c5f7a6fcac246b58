"""Amending by the API and by the command line."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli.orders import orders
from core.domain.commands import AmendOrder, AmendReport, AmendResult
from core.domain.errors import SettingsError
from unit.api.daemon import FixedControls, FixedView, serving
from unit.execution.making import order

WHERE = "/api/v1/orders/mtn-1/amend"
BODY = {"price": "91.50", "reason": "nearer", "by": "me"}


def replaced() -> AmendReport:
    old, new = order().view(), replace(order(role="leg-0-replace-1"), replaces=order().client_order_id).view()
    return AmendReport(AmendResult.REPLACED, old, new, "in its place")


async def test_it_is_handed_over_with_what_is_to_change(tmp_path: Path) -> None:
    controls = FixedControls()
    controls.amended = replaced()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        answer = await client.post(WHERE, json=BODY)
        assert answer.status_code == 200
        said = answer.json()
        assert (said["result"], said["replacement"]["replaces"]) == ("replaced", order().client_order_id)
        await client.post(WHERE, json=BODY | {"price": None, "quantity": 0.4})
    assert controls.amendments == [
        AmendOrder("mtn-1", "nearer", "me", Decimal("91.50"), None),
        AmendOrder("mtn-1", "nearer", "me", None, Decimal("0.4")),
    ]


async def test_refusals_have_their_status_and_their_words(tmp_path: Path) -> None:
    controls = FixedControls()
    async with serving(FixedView(), tmp_path, controls=controls) as client:
        assert (await client.post(WHERE, json=BODY)).status_code == 404
        controls.refusal = "mtn-1 has ended (filled): there is nothing to amend"
        answer = await client.post(WHERE, json=BODY)
        assert (answer.status_code, answer.json()["detail"]) == (409, controls.refusal)
        for bad in ({"price": "91"}, BODY | {"price": "dear"}, BODY | {"quantity": [1]}, BODY | {"reason": ""}):
            assert (await client.post(WHERE, json=bad)).status_code == 400
        del client.headers["Authorization"]
        assert (await client.post(WHERE, json=BODY)).status_code == 401


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "say --price, --quantity, or both"),
        (["--price", "dear"], "--price: 'dear' is not a number"),
        (["--quantity", "Infinity"], "--quantity: 'Infinity' is not a number"),
    ],
)
def test_the_command_line_says_what_is_missing_before_it_asks_anybody(options: list[str], why: str) -> None:
    done = CliRunner().invoke(orders, ["amend", "mtn-1", "--reason", "x", *options])
    assert isinstance(done.exception, SettingsError)
    assert why in str(done.exception)
