"""Whether the daemon lives, and whether it does its job; asked by machines, without a token."""

from fastapi import FastAPI, Response

from core.api.answers import Alive, Readiness
from core.api.view import unready_reason
from core.api.web.daemon import DaemonSilent
from core.api.web.house import House
from core.api.web.wire import answers, as_json


def add_health_routes(application: FastAPI, house: House) -> None:
    daemon = house.daemon

    @application.get("/health/live", **answers(Alive, tag="health", also={503: {"model": Alive}}))
    async def live() -> Response:
        """200 as long as the daemon's loop turns, otherwise 503: judged by the age of its last picture."""
        age_s = daemon.age_s()
        alive = age_s is not None and age_s <= daemon.silent_after_s
        return as_json(Alive(alive, None if age_s is None else round(age_s, 3)), status_code=200 if alive else 503)

    @application.get("/health/ready", **answers(Readiness, tag="health", also={503: {"model": Readiness}}))
    async def ready() -> Response:
        """200 while it trades and every part makes progress, otherwise 503 with the reason."""
        try:
            status = await daemon.fresh_status()
        except DaemonSilent as silent:
            return as_json(Readiness(False, "silent", str(silent)), status_code=503)
        reason = unready_reason(status)
        return as_json(Readiness(reason is None, status.state, reason), status_code=503 if reason else 200)
