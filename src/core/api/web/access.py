"""Who may call a route."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core.api.tokens import Scope, Token
from core.api.web.audit import Audit

CALLER = "metronome.caller"
"""Where the guard leaves the caller's `Token` in an ASGI scope; absent: nobody that we know."""
_SCHEME = HTTPBearer(
    auto_error=False,
    description="The content of `data_dir/api.token`, the setting api.token, or one of `live_bot.py token new`.",
)


class Access:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def needs(self, least: Scope) -> Any:
        """A dependency: the caller's token. 401 without a known one, 403 below `least`."""

        async def authorise(
            request: Request, _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]
        ) -> Token:
            caller: Token | None = request.scope.get(CALLER)
            if caller is None:
                self._tell(request, "nobody", "REFUSED 401")
                raise HTTPException(401, "missing or wrong bearer token", headers={"WWW-Authenticate": "Bearer"})
            if caller.scope < least:
                self._tell(request, caller.name, "REFUSED 403")
                raise HTTPException(403, f"the token {caller.name!r} may not: it takes {least.name.lower()}")
            return caller

        authorise.least = least  # type: ignore[attr-defined]  # read by the document of the routes
        return Depends(authorise)

    def _tell(self, request: Request, who: str, outcome: str) -> None:
        if request.method != "GET":
            client = request.client.host if request.client else ""
            self._audit.write(who=who, client=client, what=request.url.path, outcome=outcome)
