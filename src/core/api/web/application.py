"""The routes, put together. Every handler is a coroutine: it answers from the daemon's last picture, or asks the daemon
over the link, and costs the daemon's loop nothing but the answer."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from core import __version__
from core.api.web.command_routes import add_command_routes
from core.api.web.daemon import DaemonBusy, DaemonSilent, Refused
from core.api.web.detail_routes import add_detail_routes
from core.api.web.event_routes import add_event_routes
from core.api.web.health import add_health_routes
from core.api.web.house import House
from core.api.web.metrics_route import add_metrics_route
from core.api.web.order_routes import add_order_routes
from core.api.web.page_routes import add_page_routes
from core.api.web.performance_routes import add_performance_routes
from core.api.web.picture_routes import add_picture_routes
from core.api.web.record_routes import add_record_routes
from core.api.web.reference_page import reference_page

ROUTES = (
    add_health_routes,
    add_picture_routes,
    add_detail_routes,
    add_record_routes,
    add_command_routes,
    add_order_routes,
    add_event_routes,
    add_metrics_route,
    add_performance_routes,
    add_page_routes,
)


def build_application(house: House) -> FastAPI:
    application = FastAPI(title="Metronome", version=__version__, docs_url=None, redoc_url=None)
    for add_routes in ROUTES:
        add_routes(application, house)

    @application.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(application.openapi()))

    @application.exception_handler(DaemonSilent)
    @application.exception_handler(DaemonBusy)
    @application.exception_handler(Refused)
    async def not_now(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": "1"})

    return application
