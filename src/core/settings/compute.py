"""`[compute]`: threads for waiting, processes for computing."""

from pydantic import Field

from core.settings.section import Section


class ComputeSettings(Section):
    workers: int = Field(default=1, ge=1, le=64)
    queue_size: int = Field(default=1_000, ge=1)
    data_lane_threads: int = Field(default=6, ge=1, le=64)
    order_lane_threads: int = Field(default=4, ge=1, le=64)
    job_deadline_s: float = Field(default=10.0, gt=0)
    strategy_deadline_s: float = Field(default=5.0, gt=0)
    """Real time that user code may take for one cycle of all its symbols."""
    worker_niceness: int = Field(default=10, ge=0, le=19)
    switch_interval_s: float = Field(default=0.0005, gt=0, le=0.1)
