"""What routes are given."""

from dataclasses import dataclass

from core.api.web.access import Access
from core.api.web.commands import Commands
from core.api.web.daemon import RemoteDaemon
from core.api.web.equity import EquityCurve
from core.api.web.feed import Events
from core.api.web.record import Record


@dataclass(frozen=True, slots=True)
class House:
    daemon: RemoteDaemon
    access: Access
    commands: Commands
    events: Events
    equity: EquityCurve
    record: Record
