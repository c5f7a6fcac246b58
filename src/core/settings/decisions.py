"""`[decisions]`: the record of why, one line for each symbol and cycle."""

from pydantic import Field

from core.settings.section import Section


class DecisionsSettings(Section):
    record: bool = True
    """`false`: decisions are kept in memory only, the last few hundred of each symbol."""
    max_age_days: float | None = Field(default=180.0, gt=0)
    """Real days. Older ones are deleted; `None`: age deletes none."""
    max_mb: int = Field(default=4_096, ge=8)
    """Of the file. The oldest decisions are deleted where newer ones need the room: each takes a few hundred bytes."""
    queue_size: int = Field(default=20_000, ge=100)
    """Decisions that wait for a disk that is slow or full. Those that come when there are so many are not recorded;
    they are counted, and trading goes on."""
