"""Routes that place, end and settle single orders."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from fastapi import FastAPI, HTTPException, Request, Response

from core.api.answers import Refusal
from core.api.controls import DaemonControls
from core.api.lines import amend_answer, order_line, ticket_answer
from core.api.view import DaemonView
from core.api.wire import as_json, known_symbol, obeys, read_command
from core.domain.commands import AmendOrder, CommandRefused, ResolveOrder, UnknownOrder
from core.domain.status import AmendAnswer, OrderStatusLine
from core.domain.tickets import BadTicket, CancelOrder, PlaceOrder, TicketAnswer

T = TypeVar("T")
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}


@dataclass(frozen=True, slots=True)
class Why:
    """The body of a command whose address says the rest."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class NewTerms:
    """The body of an amendment, whose address names the order."""

    reason: str
    by: str
    price: Decimal | None = None
    quantity: Decimal | None = None


def add_order_routes(application: FastAPI, controls: DaemonControls, view: DaemonView, token: Any) -> None:
    @application.post("/api/v1/orders", dependencies=[token], **obeys(PlaceOrder, TicketAnswer, _NOT_FOUND))
    async def place(request: Request) -> Response:
        """Order by hand: through the same risk gate and journal as every strategy's order. A `ticket_id` that is
        repeated gives the order, or the plan, that it has become, and never makes a second one. Answers when the venue
        has; of a plan, when its first slice could be sent."""
        ticket = read_command(await request.body(), PlaceOrder)
        symbols = view.status()
        if symbols.symbols:
            ticket = replace(ticket, symbol=known_symbol(ticket.symbol, symbols).symbol)
        placed, is_repeated = await _done(controls.place(ticket))
        return as_json(ticket_answer(ticket.ticket_id, placed, is_repeated=is_repeated))

    @application.post(
        "/api/v1/orders/{client_order_id}/cancel", dependencies=[token], **obeys(Why, OrderStatusLine, _NOT_FOUND)
    )
    async def cancel(client_order_id: str, request: Request) -> Response:
        """Cancel an order of the bot that is at work. The answer is the order as it is then: it may have filled."""
        why = read_command(await request.body(), Why)
        return as_json(order_line(await _done(controls.cancel(CancelOrder(client_order_id, why.reason, why.by)))))

    @application.post(
        "/api/v1/orders/{client_order_id}/amend", dependencies=[token], **obeys(NewTerms, AmendAnswer, _NOT_FOUND)
    )
    async def amend(client_order_id: str, request: Request) -> Response:
        """Give a resting order another price or quantity (in all, what has filled included): in place where the venue
        can do just that, else by another order for what is left, sent once the end of the old one is proven. Answers
        when it is known what came of it, or that the answer was lost."""
        new = read_command(await request.body(), NewTerms)
        command = AmendOrder(client_order_id, new.reason, new.by, new.price, new.quantity)
        return as_json(amend_answer(await _done(controls.amend(command))))

    @application.post(
        "/api/v1/orders/resolve", dependencies=[token], **obeys(ResolveOrder, OrderStatusLine, _NOT_FOUND)
    )
    async def resolve(request: Request) -> Response:
        """Say how an order of unknown outcome has ended, as seen there. What the venue says later counts more."""
        command = read_command(await request.body(), ResolveOrder)
        return as_json(order_line(await _done(controls.resolve(command))))


async def _done(work: Awaitable[T]) -> T:
    try:
        return await work
    except BadTicket as bad:
        raise HTTPException(400, f"not a ticket: {bad}") from None
    except UnknownOrder as unknown:
        raise HTTPException(404, str(unknown)) from None
    except CommandRefused as refused:
        raise HTTPException(409, str(refused)) from None
