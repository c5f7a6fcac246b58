"""What the API tells of parent orders, and has the daemon do about them."""

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from core.api.answers import Refusal
from core.api.controls import DaemonControls
from core.api.lines import plan_line
from core.api.view import DaemonView
from core.api.wire import answers, as_json, obeys, read_command
from core.domain.commands import CommandRefused, EndPlan, UnknownOrder
from core.domain.status import PlanStatusLine


def add_plan_routes(application: FastAPI, controls: DaemonControls, view: DaemonView, token: Any) -> None:
    @application.get("/api/v1/plans", dependencies=[token], **answers(list[PlanStatusLine]))
    async def plans() -> Response:
        """Parent orders (TWAP, icebergs): those at work, oldest first, then the last few that are over."""
        return as_json(view.status().plans)

    @application.post(
        "/api/v1/plans/end", dependencies=[token], **obeys(EndPlan, PlanStatusLine, {404: {"model": Refusal}})
    )
    async def end_plan(request: Request) -> Response:
        """No further slice of a parent order; what works of it is cancelled."""
        command = read_command(await request.body(), EndPlan)
        try:
            return as_json(plan_line(await controls.end_plan(command)))
        except UnknownOrder as unknown:
            raise HTTPException(404, str(unknown)) from None
        except CommandRefused as refused:
            raise HTTPException(409, str(refused)) from None
