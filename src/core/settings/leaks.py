"""`[leaks]`: what this process holds, and how fast that may grow."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings.section import Section


class LeaksSettings(Section):
    action: Literal["off", "alarm", "restart"] = "alarm"
    """`alarm`: a leak is said once. `restart`: and the daemon ends in order, with exit code 6, where a level is above
    its `max_`; whatever runs it (systemd) starts it again. `off`: nothing is sampled."""
    sample_s: float = Field(default=30.0, gt=0)
    settle_s: float = Field(default=900.0, ge=0)
    """After the start nothing is sampled for so long: caches and pools fill. Nor is there a restart before."""
    window_s: float = Field(default=3_600.0, gt=0)
    """Growth is judged over the last so many seconds, once there are so many."""
    memory_mb_per_h: float = Field(default=32.0, gt=0)
    """A leak is steady growth that is faster. Resident memory of this process; workers have limits of their own."""
    descriptors_per_h: float = Field(default=60.0, gt=0)
    tasks_per_h: float = Field(default=120.0, gt=0)
    threads_per_h: float = Field(default=12.0, gt=0)
    max_memory_mb: float | None = Field(default=2_048.0, gt=0)
    """Above it: `action`. `None`: no such bound; so the others."""
    max_descriptors: float | None = Field(default=None, gt=0)
    """`None`: four fifths of what the system allows this process."""
    max_tasks: float | None = Field(default=20_000.0, gt=0)
    max_threads: float | None = Field(default=500.0, gt=0)

    @model_validator(mode="after")
    def _window_has_samples(self) -> Self:
        if not 10 <= self.window_s / self.sample_s <= 1_000:
            raise ValueError(
                f"window_s = {self.window_s:g} must be 10 to 1,000 times sample_s = {self.sample_s:g}: "
                "a slope needs samples, and each pair of them is looked at"
            )
        return self
