"""The campaign: a venue that survives, people who are killed again and again, and a judge in the end."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.daemon_lives import ACCOUNT, DaemonLives
from tests.chaos.judge import FAULTS, Json, read_marks
from tests.chaos.power import POWER_COUNTS, PowerPlan, power_counts
from tests.chaos.script import SYMBOLS
from tests.chaos.trader import Person
from tests.disks import shim
from tests.venues import SOURCES, VenueProcess

SPEED = 60.0
"""Venue seconds in a real one: windows and lags pass in no time."""
_DEPOSIT = {"USDT": "10000000"}
_ROOT = SOURCES.parent
_PATH = os.pathsep.join(map(str, (SOURCES, _ROOT / "tests", _ROOT)))

Tell = Callable[[Json], None]


@dataclass(frozen=True, slots=True)
class Plan:
    kills: int
    seed: int
    people: int = 2
    """Accounts that live side by side, each with a journal of its own."""
    daemon_kills: int = 0
    """How many of the kills are the real daemon's."""
    power: PowerPlan | None = None
    """Every kill is a power cut, too; `None`: what was written stays."""


class Campaign:
    def __init__(self, plan: Plan, folder: Path, tell: Tell) -> None:
        """`tell` hears of every life that has ended, from several threads."""
        self._plan = plan
        self._folder = folder
        self._tell = tell
        self._told: list[Json] = []

    def run(self) -> Json:
        """The verdict. Raises `RuntimeError` where somebody can't be brought to rest."""
        (self._folder / "venue").mkdir()
        options = ("--latency-ms", "0", "--limits", "relaxed", "--messages-per-s", "5")
        venue = VenueProcess(
            self._folder / "venue", symbols=SYMBOLS, speed=SPEED, seed=self._plan.seed, options=options
        )
        try:
            return self._verdict(self._live_and_judge(venue))
        finally:
            venue.stop()

    def _live_and_judge(self, venue: VenueProcess) -> list[Json]:
        people = [self._person(venue, n) for n in range(self._plan.people)]
        daemon = DaemonLives(venue, self._folder / ACCOUNT, self._plan.seed, self._plan.power)
        shares = _shares(self._plan.kills - self._plan.daemon_kills, len(people))
        lives = [
            threading.Thread(target=self._live, args=(venue, person, kills, n), daemon=True)
            for n, (person, kills) in enumerate(zip(people, shares, strict=True))
        ]
        if self._plan.daemon_kills:
            daemon.folder.mkdir()
            args = (self._plan.daemon_kills, self._hear)
            lives.append(threading.Thread(target=daemon.run, args=args, daemon=True))
        for thread in lives:
            thread.start()
        for thread in lives:
            thread.join()
        verdicts = [self._judge(venue, person.key, person.journal, person.marks) for person in people]
        if self._plan.daemon_kills:
            daemon.settle()
            verdicts.append(self._judge(venue, ACCOUNT, daemon.journal, daemon.marks))
        return verdicts

    def _person(self, venue: VenueProcess, n: int) -> Person:
        folder = self._folder / f"person-{n}"
        folder.mkdir()
        venue.register(folder.name, _DEPOSIT)
        person = Person(venue.url, venue.ws_url, folder.name, folder)
        person.disk.mkdir()
        return person

    def _live(self, venue: VenueProcess, person: Person, kills: int, n: int) -> None:
        given = {
            "url": person.url,
            "ws_url": person.ws_url,
            "admin_url": venue.admin_url,
            "key": person.key,
            "folder": str(person.folder),
            "kills": kills,
            "seed": self._plan.seed * 1_000 + n,
            "power": self._plan.power and asdict(self._plan.power),
        }
        command = [sys.executable, "-m", "tests.chaos.lives", json.dumps(given)]
        with (
            (person.folder / "lives.log").open("a") as log,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environment()
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                self._hear(json.loads(line))
        if process.returncode:
            self._hear({"kind": "broken", "key": person.key})

    def _environment(self) -> dict[str, str]:
        # Threads of numpy's would not survive the fork.
        given = {**os.environ, "PYTHONPATH": _PATH, "OPENBLAS_NUM_THREADS": "1"}
        return given if self._plan.power is None else given | shim.environment()

    def _hear(self, told: Json) -> None:
        self._told.append(told)
        self._tell(told)

    def _judge(self, venue: VenueProcess, account: str, journal: Path, marks: Path) -> Json:
        """By a process that could not import the bot if it wanted to."""
        command = [
            *(sys.executable, "-S", "-m", "tests.chaos.judge", "--venue", venue.url, "--admin", venue.admin_url),
            *("--account", account, "--journal", str(journal), "--marks", str(marks), "--speed", str(SPEED)),
            *("--keep", str(marks.with_name("venue.json"))),
        ]
        environment = {"PYTHONPATH": str(_ROOT)}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
        if not done.stdout:
            raise RuntimeError(f"the judge of {account} failed with {done.returncode}")
        said: Json = json.loads(done.stdout)
        marks_said = read_marks(marks)
        killed = [mark for mark in marks_said if mark["what"] == "killed"]
        in_flight = said["restarts_in_flight"] if account == ACCOUNT else sum(mark["in_flight"] > 0 for mark in killed)
        calmed = [mark for mark in marks_said if mark["what"] == "flat"]
        return said | {
            "account": account,
            "kills": len(killed) + sum(mark["what"] == "hung" for mark in marks_said),
            "kills_in_flight": in_flight,
            "crashed": sum(mark["what"] == "crashed" for mark in marks_said),
            "hung": sum(mark["what"] == "hung" for mark in marks_said),
            "never_at_rest": 0 if calmed and not calmed[-1]["left"] else 1,
            "steps": Counter(_step(mark["step"]) for mark in killed),
            **power_counts(marks_said),
        }

    def _verdict(self, judged: list[Json]) -> Json:
        def total(name: str) -> int:
            return sum(each[name] for each in judged)

        def most(name: str) -> Any:
            return max((each[name] for each in judged), key=Decimal)

        must_be_nothing = (*FAULTS, "crashed", "hung", "never_at_rest")
        power = POWER_COUNTS if self._plan.power else ()
        (self._folder / "judged.json").write_text(json.dumps(judged, indent=1))
        counted = (
            "kills",
            "orders",
            "fills",
            "kills_in_flight",
            "unknown",
            "unknown_by_venue",
            "absent",
            "amended",
            "replaced",
        )
        return {
            **{name: total(name) for name in (*counted, *power, *must_be_nothing)},
            "unprotected_s_max": max(each["unprotected_s_max"] for each in judged),
            "cash_difference": most("cash_difference"),
            "position_difference": most("position_difference"),
            "seed": self._plan.seed,
            "holds": all(each["holds"] for each in judged)
            and not any(map(total, must_be_nothing))
            and total("kills") >= self._plan.kills
            and (self._plan.power is None or total("power_cuts") >= self._plan.kills),
        }


def _shares(kills: int, people: int) -> list[int]:
    return [kills // people + (n < kills % people) for n in range(people)]


def _step(step: str) -> str:
    """Without the number of the passage."""
    return step.rpartition(":")[0] if step.count(":") == 2 else step


def summary(judged: Iterable[Json]) -> Counter[str]:
    """Kills by step."""
    steps: Counter[str] = Counter()
    for each in judged:
        steps.update(each["steps"])
    return steps
