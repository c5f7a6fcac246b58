"""Routes that place, amend, end and settle single orders, and end plans."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response

from core.api.answers import Refusal
from core.api.tokens import Scope, Token
from core.api.web.command_routes import Why
from core.api.web.commands import Key
from core.api.web.house import House
from core.api.web.wire import known_symbol, obeys, read_command
from core.domain.commands import AmendOrder, EndPlan, ResolveOrder
from core.domain.status import AmendAnswer, OrderStatusLine, PlanStatusLine
from core.domain.tickets import CancelOrder, PlaceOrder, TicketAnswer

_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}
OrderId = Annotated[str, Path(max_length=64)]


@dataclass(frozen=True, slots=True)
class NewTerms:
    """The body of an amendment, whose address names the order."""

    reason: str
    by: str
    price: Decimal | None = None
    quantity: Decimal | None = None


def add_order_routes(application: FastAPI, house: House) -> None:
    daemon, commands = house.daemon, house.commands
    trade = house.access.needs(Scope.TRADE)

    @application.post("/api/v1/orders", **obeys(PlaceOrder, TicketAnswer, _NOT_FOUND))
    async def place(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Order by hand: through the same risk gate and journal as every strategy's order. A `ticket_id` that is
        repeated gives the order, or the plan, that it has become, and never makes a second one. Answers when the venue
        has; of a plan, when its first slice could be sent."""
        ticket = read_command(await request.body(), PlaceOrder)
        status = await daemon.fresh_status()
        if status.symbols:
            ticket = replace(ticket, symbol=known_symbol(ticket.symbol, status).symbol)
        return await commands.carry_out(request, caller, "place", ticket)

    @application.post("/api/v1/orders/{client_order_id}/cancel", **obeys(Why, OrderStatusLine, _NOT_FOUND))
    async def cancel(client_order_id: OrderId, request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Cancel an order of the bot that is at work. The answer is the order as it is then: it may have filled."""
        why = read_command(await request.body(), Why)
        command = CancelOrder(client_order_id, why.reason, why.by)
        return await commands.carry_out(request, caller, "cancel", command)

    @application.post("/api/v1/orders/{client_order_id}/amend", **obeys(NewTerms, AmendAnswer, _NOT_FOUND))
    async def amend(client_order_id: OrderId, request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Give a resting order another price or quantity (in all, what has filled included): in place where the venue
        can do just that, else by another order for what is left, sent once the end of the old one is proven. Answers
        when it is known what came of it, or that the answer was lost."""
        new = read_command(await request.body(), NewTerms)
        command = AmendOrder(client_order_id, new.reason, new.by, new.price, new.quantity)
        return await commands.carry_out(request, caller, "amend", command)

    @application.post("/api/v1/orders/resolve", **obeys(ResolveOrder, OrderStatusLine, _NOT_FOUND))
    async def resolve(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Say how an order of unknown outcome has ended, as seen there. What the venue says later counts more."""
        command = read_command(await request.body(), ResolveOrder)
        return await commands.carry_out(request, caller, "resolve", command)

    @application.post("/api/v1/plans/end", **obeys(EndPlan, PlanStatusLine, _NOT_FOUND))
    async def end_plan(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """No further slice of a parent order; what works of it is cancelled."""
        command = read_command(await request.body(), EndPlan)
        return await commands.carry_out(request, caller, "end_plan", command)
