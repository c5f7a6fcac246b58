"""`orders amend`: another price or quantity for a resting order."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.halt import operator
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import MetronomeError, SettingsError

if TYPE_CHECKING:
    from core.domain.status import AmendAnswer

_TIMEOUT_S = 90.0
"""Longer than the daemon itself waits for the venue."""
_AS_ASKED = ("amended", "replaced")


class NotAmended(MetronomeError):
    """What was asked for did not come about; why was said."""


def amend(
    client_order_id: Annotated[str, typer.Argument(metavar="CLIENT_ORDER_ID", help="As `orders` shows it.")],
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is journalled.")],
    price: Annotated[str | None, typer.Option(metavar="PRICE", help="The new limit.")] = None,
    quantity: Annotated[
        str | None, typer.Option(metavar="QUANTITY", help="The new one in all, what has filled of it included.")
    ] = None,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Give a resting order another price or quantity: in place where the venue can, else by another order for what is
    left, sent once the end of the old one is proven."""
    from urllib.parse import quote

    from core.cli.client import DaemonClient
    from core.cli.output import print_json
    from core.domain.status import AmendAnswer

    if price is None and quantity is None:
        raise SettingsError("orders amend: say --price, --quantity, or both")
    body = {
        "price": _amount("--price", price),
        "quantity": _amount("--quantity", quantity),
        "reason": reason,
        "by": operator(),
    }
    client = DaemonClient(settings_of(config).settings, timeout_s=_TIMEOUT_S)
    answer = client.post(f"/api/v1/orders/{quote(client_order_id, safe='')}/amend", body, AmendAnswer)
    if as_json:
        print_json(answer)
    else:
        typer.echo(_in_words(answer))
    if answer.result not in _AS_ASKED:
        raise NotAmended(f"{client_order_id} was not amended ({answer.result}): {answer.note}")


def _in_words(answer: "AmendAnswer") -> str:
    now = answer.replacement or answer.order
    price = f" at {now.price}" if now.price else ""
    filled = f", {now.filled_quantity} of it filled" if now.filled_quantity not in ("", "0") else ""
    return f"{answer.result}: {now.client_order_id} is {now.state}, {now.quantity}{price}{filled}"


def _amount(name: str, text: str | None) -> str | None:
    """Raises `SettingsError`."""
    try:
        if text is None or Decimal(text).is_finite():
            return text
    except InvalidOperation:
        pass
    raise SettingsError(f"{name}: {text!r} is not a number")
