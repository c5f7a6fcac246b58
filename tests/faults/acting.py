"""Plays an episode on a stage, and tells how long the daemon took."""

import time
from dataclasses import dataclass

from tests.faults.behaviours import Episode
from tests.faults.stage import Stage
from tests.faults.watch import Watch

_SHOWS_WITHIN_S = 240.0


@dataclass(frozen=True, slots=True)
class Played:
    name: str
    hits: int
    shown_after_s: float
    """Real; from the fault's beginning until it had hit and the daemon had shown it."""
    right_after_s: float
    """Real; from the fault's end until nothing was amiss."""

    @property
    def times_s(self) -> tuple[float, float]:
        return self.shown_after_s, self.right_after_s


def play(stage: Stage, episode: Episode) -> Played:
    """Raises `AssertionError` where it does not show, or something stays amiss."""
    stage.bot.mood = episode.mood
    watch = Watch(stage)
    began_s = time.monotonic()
    armed = [stage.faults.arm(**fault) for fault in episode.faults]
    if episode.act is not None:
        episode.act(stage)
    try:
        stage.until(lambda: episode.shows(watch), _SHOWS_WITHIN_S)
    except AssertionError as failed:
        said = "\n".join(str(line) for line in stage.bot.lines[watch.start :] if line["level"] != "info")
        raise AssertionError(f"{episode.name}: {failed}\nwarnings since it began:\n{said}") from None
    shown_s = time.monotonic()
    for fault in armed:
        if fault["id"] in {each["id"] for each in stage.faults.at_work()}:
            stage.faults.end(fault["id"])
    for fault in episode.last:
        stage.faults.arm(**fault)
    ended_s = time.monotonic()
    if episode.again is not None:
        again, after = episode.again, Watch(stage)
        stage.until(lambda: again(after), _SHOWS_WITHIN_S)
    stage.bot.mood = "hold"
    stage.right_again(len(stage.bot.lines))
    return Played(episode.name, watch.hits(), shown_s - began_s, time.monotonic() - ended_s)
