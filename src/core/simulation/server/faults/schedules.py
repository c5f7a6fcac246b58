"""The schedule that the settings ask for: a file's, a drawn one, both or none."""

import heapq
from collections.abc import Iterable

from core.settings.simulation import SimulationSettings
from core.simulation.server.faults.plan import Scheduled
from core.simulation.server.faults.random_schedule import random_schedule
from core.simulation.server.faults.schedule_file import Schedule, read_schedule


def schedule_of(settings: SimulationSettings) -> tuple[Iterable[Scheduled], int]:
    """In order of time, and the seed of the faults that bring none. Raises `SettingsError`."""
    written = Schedule(()) if settings.faults_file is None else read_schedule(settings.faults_file)
    if settings.random_faults is None:
        return written.faults, written.seed
    drawn = random_schedule(settings.random_faults, settings.fault_intensity)
    return heapq.merge(written.faults, drawn, key=lambda fault: fault.at_ms), written.seed
