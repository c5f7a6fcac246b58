"""Schedules that are drawn: the same seed makes the same one, whatever else is random."""

from collections.abc import Iterator
from random import Random

from core.simulation.server.faults.fault_spec import read_spec
from core.simulation.server.faults.kinds import KINDS
from core.simulation.server.faults.plan import Scheduled

_FIRST_S = 30.0
"""Venue seconds in which nothing happens, so that clients come up."""
_SHORTEST_S, _LONGEST_S = 5.0, 300.0


def random_schedule(seed: int, intensity: float) -> Iterator[Scheduled]:
    """Endless, in order of time; `intensity` is the mean number of faults that begin in a venue minute."""
    rng = Random(f"faults/{seed}")
    kinds = list(KINDS.values())
    weights = [kind.weight for kind in kinds]
    at_s = _FIRST_S
    while True:
        at_s += rng.expovariate(intensity / 60)
        kind = rng.choices(kinds, weights)[0]
        for_s = kind.for_s if kind.for_s is not None else _duration_s(rng)
        entry = {"kind": kind.name, "for_s": round(for_s, 1), "seed": rng.getrandbits(31)} | kind.draw(rng)
        yield Scheduled(round(at_s * 1_000), read_spec(entry))


def _duration_s(rng: Random) -> float:
    """As many short ones as long ones, on a scale of powers."""
    return float(_SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** rng.random())
