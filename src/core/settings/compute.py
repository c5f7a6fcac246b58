"""`[compute]`: threads for waiting, processes for computing."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings.section import Section


class ComputeSettings(Section):
    backend: Literal["processes", "threads", "dask"] = "processes"
    """What computes. `threads`: nothing but this process, for machines that have no room for more: strategies of your
    own are refused, and the loop is late whenever something is computed. `dask`: jobs that carry all they need
    (training, history) go to a cluster; candles and strategies stay with this machine's worker processes."""
    dask_scheduler: str | None = None
    """`tcp://host:port`; with `backend = "dask"` only."""
    dask_fallback: bool = True
    """Whether this machine's workers do it, after a warning, where no scheduler answers; otherwise that is refused."""
    workers: int = Field(default=1, ge=1, le=64)
    """Jobs that run at once."""
    max_workers: int | None = Field(default=None, ge=1, le=64)
    """Up to so many while jobs wait for longer than half a second; `None`: never more than `workers`."""
    worker_memory_mb: int = Field(default=1_024, ge=128)
    """Private memory of a worker; a job that wants more fails, alone. One that holds half of it between two jobs is
    replaced."""
    queue_size: int = Field(default=1_000, ge=1)
    data_lane_threads: int = Field(default=6, ge=1, le=64)
    order_lane_threads: int = Field(default=4, ge=1, le=64)
    job_deadline_s: float = Field(default=10.0, gt=0)
    strategy_deadline_s: float = Field(default=5.0, gt=0)
    """Real time that user code may take for one cycle of all its symbols."""
    worker_niceness: int = Field(default=10, ge=0, le=19)
    switch_interval_s: float = Field(default=0.0005, gt=0, le=0.1)
    dead_letters: int = Field(default=200, ge=0)
    """Failed jobs that are kept for whoever asks."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.max_workers is not None and self.max_workers < self.workers:
            raise ValueError(f"max_workers = {self.max_workers} is below workers = {self.workers}")
        return self

    @model_validator(mode="after")
    def _cluster_has_an_address(self) -> Self:
        if self.backend == "dask" and self.dask_scheduler is None:
            raise ValueError('backend = "dask" needs dask_scheduler, e.g. "tcp://127.0.0.1:8786"')
        if self.backend != "dask" and self.dask_scheduler is not None:
            raise ValueError('dask_scheduler is used with backend = "dask" only')
        return self
