"""Faults on the admin port.

`GET /faults/kinds`: what there is. `POST /faults {"kind", ...}`: arm one now, written as an entry of a file without
`at_s`. `GET /faults`: what is at work, with hits. `DELETE /faults/ID`, `DELETE /faults`: end one, end all that are at
work; `DELETE /faults/schedule`: none of the schedule's comes any more. `GET /faults/log?after=N`: what happened since
entry N.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.simulation.server.faults.fault_spec import FaultSpecError, read_spec
from core.simulation.server.faults.kinds import KINDS, Kind
from core.simulation.server.faults.plan import FaultBusy, FaultPlan


class FaultRequests:
    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan

    def routes(self) -> list[Route]:
        return [
            Route("/faults", self._get, methods=["GET"]),
            Route("/faults", self._post, methods=["POST"]),
            Route("/faults", self._delete_all, methods=["DELETE"]),
            Route("/faults/kinds", self._get_kinds, methods=["GET"]),
            Route("/faults/log", self._get_log, methods=["GET"]),
            Route("/faults/schedule", self._delete_schedule, methods=["DELETE"]),
            Route("/faults/{fault_id}", self._delete, methods=["DELETE"]),
        ]

    async def _get(self, request: Request) -> Response:
        return _json({"faults": self._plan.states()})

    async def _get_kinds(self, request: Request) -> Response:
        return _json({"kinds": [_described(kind) for kind in KINDS.values()]})

    async def _get_log(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 18:
            return _complaint(400, f"GET /faults/log: after={after!r} is not the number of an entry")
        return _json({"entries": self._plan.log.entries(int(after))})

    async def _post(self, request: Request) -> Response:
        try:
            entry = msgspec.json.decode(await request.body(), type=dict[str, Any])
            fault = self._plan.add(read_spec(entry))
        except (msgspec.DecodeError, FaultSpecError, UnicodeDecodeError, RecursionError) as error:
            return _complaint(400, f"POST /faults: {error}")
        except FaultBusy as busy:
            return _complaint(409, f"POST /faults: {busy}")
        return _json(fault.state())

    async def _delete(self, request: Request) -> Response:
        fault_id = request.path_params["fault_id"]
        if not self._plan.end(fault_id):
            return _complaint(404, f"no fault {fault_id!r} is at work")
        return _json({"ended": 1})

    async def _delete_all(self, request: Request) -> Response:
        return _json({"ended": self._plan.end_all()})

    async def _delete_schedule(self, request: Request) -> Response:
        self._plan.drop_schedule()
        return _json({"at_work": len(self._plan)})


def _described(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "summary": kind.summary,
        "addressed_by": kind.addressed_by,
        "parameters": msgspec.structs.asdict(kind.parameters()),
        "for_s": kind.for_s,
        "only_one_of": kind.group,
    }


def _json(payload: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(payload), status, media_type="application/json")


def _complaint(status: int, message: str) -> Response:
    return _json({"error": message}, status)
