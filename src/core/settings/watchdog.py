"""`[watchdog]`: proofs of progress."""

from pydantic import Field

from core.settings.section import Section


class WatchdogSettings(Section):
    enabled: bool = True
    loop_overdue_s: float = Field(default=5.0, gt=0)
    """A loop without a turn for so long is stuck: dump stacks, stop feeding systemd."""
    progress_overdue_s: float = Field(default=120.0, gt=0)
    """Same for the slower proofs (executor, journal, symbols decided)."""
