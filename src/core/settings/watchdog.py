"""`[watchdog]`: proofs of progress."""

from pydantic import Field

from core.settings.section import Section


class WatchdogSettings(Section):
    enabled: bool = True
    loop_overdue_s: float = Field(default=5.0, gt=0)
    """A loop without a turn for so long is stuck: dump stacks, stop feeding systemd."""
    progress_overdue_s: float = Field(default=120.0, gt=0)
    """Same for the slower proofs (executor, journal, symbols decided)."""
    feed_overdue_s: float = Field(default=60.0, gt=0)
    """A feed that is ill for so long, whatever was tried, is named; nothing else: no restart cures a venue."""
    forbid_blocking: bool = False
    """For debugging: what would block the loop's thread (sleeping, sockets, files, processes, databases) is not done,
    but raises `BlockingCallError` with file and line. Every Python thread pays for it a little."""
