"""`/`: the web page. Its files are our own and one of a chart library; nothing comes from another host."""

from fastapi import FastAPI, HTTPException, Response

from core.api.answers import Caller
from core.api.tokens import Scope, Token
from core.api.web.house import House
from core.api.web.page_files import read_page
from core.api.web.wire import answers, as_json

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""Text that comes as a symbol's name or a strategy's reason stays text, even where the page had a fault."""
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOR_EVER = {**_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
"""The address of a file changes with what is in it."""


def add_page_routes(application: FastAPI, house: House) -> None:
    page = read_page()
    read = house.access.needs(Scope.READ)

    @application.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(page.index, media_type="text/html", headers={**_HEADERS, "Cache-Control": "no-cache"})

    @application.get("/page/{version}/{name}", include_in_schema=False)
    async def file(version: str, name: str) -> Response:
        found = page.files.get(name)
        if found is None or version != page.version:
            raise HTTPException(404, "no such file: load the page anew")
        return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)

    @application.get("/api/v1/caller", **answers(Caller))
    async def caller(caller: Token = read) -> Response:
        """Whose token this is, and what it may."""
        return as_json(Caller(caller.name, caller.scope.name.lower()))
