"""What the API may see of the daemon."""

from typing import Protocol

from core.api.answers import Why
from core.domain.status import DaemonStatus, DecisionLine, OrderStatusLine


class DaemonView(Protocol):
    """Frozen pictures, taken at the call. Called from the loop, so each must answer at once."""

    def status(self) -> DaemonStatus: ...

    async def status_in_turns(self) -> DaemonStatus:
        """As `status`, made in several turns of the loop, none of which takes long."""
        ...

    def orders(self) -> tuple[OrderStatusLine, ...]:
        """Newest first: the working ones and those that ended lately."""
        ...

    def decisions(self, symbol: str | None, limit: int) -> tuple[DecisionLine, ...]:
        """Newest first; `None`: of all symbols."""
        ...

    def why(self, symbol: str, limit: int) -> Why:
        """Raises `KeyError` for a symbol that is not traded."""
        ...


def unready_reason(status: DaemonStatus) -> str | None:
    """Why the daemon is not doing its job right now; `None` when it is."""
    if status.state != "trading":
        return f"state is {status.state}" + (f": {status.note}" if status.note else "")
    if status.overdue:
        return f"no progress of {', '.join(status.overdue)}"
    return None
