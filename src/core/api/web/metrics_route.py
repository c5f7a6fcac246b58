"""`/metrics`, for Prometheus."""

import msgspec
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from core.api.tokens import Scope
from core.api.web.house import House
from core.api.web.metrics import Exposition
from core.api.web.wire import REFUSED_READING
from core.domain.measures import Measures


def add_metrics_route(application: FastAPI, house: House) -> None:
    daemon = house.daemon
    decoder = msgspec.json.Decoder(Measures)

    @application.get(
        "/metrics",
        dependencies=[house.access.needs(Scope.READ)],
        response_class=Response,
        tags=["metrics"],
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **REFUSED_READING},
    )
    async def metrics() -> Response:
        """Everything that is measured, in the text format of Prometheus."""
        status = await daemon.fresh_status()
        measures = decoder.decode(await daemon.ask("measures"))
        shown: Collector = Exposition(status, measures, daemon.age_s() or 0.0, house.events)
        return Response(generate_latest(shown), media_type=CONTENT_TYPE_LATEST)
