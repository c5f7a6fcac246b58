"""A daemon's life with models on virtual time: each turn of its loop asks the machines of `core.models`, as the daemon
does. The world around it (histories, trainers, the universe, stops and kills) is drawn from a seed, and what comes of
it is held against rules that know nothing of those machines."""

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field

import msgspec

from core.domain.instruments import InstrumentId
from core.models.coverage import Broke, Coverage, Interrupted, Lost, Outcome, Refused, Short, Succeeded, Training
from core.models.reloads import Load, Reloads
from core.models.roster import Change, Roster
from core.models.schedule import TrainingPolicy

S, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
START_MS = 1_760_000_000_000
REGISTRY_EVERY_MS = 5 * MINUTE


@dataclass(frozen=True)
class Plan:
    """What the world does."""

    days: float = 7.0
    symbols: int = 200
    short_for_a_while: int = 60
    short_for_ever: int = 5
    unfit: int = 5
    failing_share: float = 0.05
    restarts: int = 10
    killed_share: float = 0.5
    """Of the restarts."""
    universe_every_ms: int = HOUR
    movers: int = 3
    """Symbols that leave, and that join, at each refresh."""
    turn_ms: int = 5 * S
    training_ms: tuple[int, int] = (60 * S, 180 * S)
    look_ms: int = 2 * S
    """Until a symbol that can't be trained is known to be one."""
    load_ms: int = 200
    policy: TrainingPolicy = field(default_factory=TrainingPolicy)


@dataclass
class Look:
    """A training that was begun, or tried."""

    begun_ms: int
    outcome: Outcome | Lost | None = None
    ended_ms: int = 0
    """When the daemon heard of it; of one that was killed with it, when it was back."""


@dataclass
class Seen:
    """Everything that rules are held against."""

    looks: dict[InstrumentId, list[Look]] = field(default_factory=dict)
    members: dict[InstrumentId, list[tuple[int, int]]] = field(default_factory=dict)
    """Spans in which the symbol was in the universe."""
    loads: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    """By (run of the daemon, scope, version)."""
    swaps: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    to_normal_ms: list[int] = field(default_factory=list)
    """Of each run: from its start until all that had live models are decided with them."""
    most_at_once: int = 0
    turns: int = 0


class World:
    def __init__(self, plan: Plan, seed: int) -> None:
        self.seen = Seen()
        self.now_ms = START_MS
        self.end_ms = START_MS + int(plan.days * DAY)
        self.written: dict[InstrumentId, bytes] = {}
        """What the database holds of the roster."""
        self.live: dict[str, str] = {}
        """What the registry calls live, by scope."""
        self.universe: set[InstrumentId] = set()
        self.plan = plan
        self.rng = rng = random.Random(seed)
        self._all = [InstrumentId(f"S{n:03}/USDT") for n in range(plan.symbols)]
        shuffled = rng.sample(self._all, len(self._all))
        short, never = plan.short_for_a_while, plan.short_for_a_while + plan.short_for_ever
        self._ready_at_ms = {each: rng.randint(START_MS, (START_MS + self.end_ms) // 2) for each in shuffled[:short]}
        self._never, self._unfit = set(shuffled[short:never]), set(shuffled[never : never + plan.unfit])
        self._universe_due_ms = START_MS
        self._versions = 0

    def live_through(self) -> Seen:
        stops = sorted(self.rng.randint(START_MS, self.end_ms) for _ in range(self.plan.restarts))
        for run, stop_ms in enumerate([*stops, self.end_ms]):
            if self.now_ms < stop_ms:
                Run(self, run).until(stop_ms, is_killed=self.rng.random() < self.plan.killed_share)
                self.now_ms += self.rng.choice((5 * S, MINUTE, 40 * MINUTE))
        for spans in self.seen.members.values():
            spans[-1] = (spans[-1][0], min(spans[-1][1], self.end_ms))
        return self.seen

    def refresh_universe(self) -> bool:
        """Whether it was time to."""
        if self.now_ms < self._universe_due_ms:
            return False
        every_ms, movers = self.plan.universe_every_ms, self.plan.movers
        self._universe_due_ms += ((self.now_ms - self._universe_due_ms) // every_ms + 1) * every_ms
        leaving = set(self.rng.sample(sorted(self.universe), min(movers, len(self.universe))))
        outside = [each for each in self._all if each not in self.universe]
        joining = set(self.rng.sample(outside, min(movers, len(outside))) if self.universe else outside)
        for symbol in joining:
            self.seen.members.setdefault(symbol, []).append((self.now_ms, self.end_ms))
        for symbol in leaving:
            self.seen.members[symbol][-1] = (self.seen.members[symbol][-1][0], self.now_ms)
        self.universe = (self.universe | joining) - leaving
        return True

    def train(self, symbol: InstrumentId) -> tuple[int, Outcome]:
        """How long it takes, and what comes of it."""
        ready_at_ms = self._ready_at_ms.get(symbol, 0)
        if symbol in self._unfit:
            return self.plan.look_ms, Refused("its history is full of holes")
        if symbol in self._never:
            return self.plan.look_ms, Short("too few candles", self.now_ms + self.rng.randrange(12 * HOUR))
        if ready_at_ms > self.now_ms:
            # The estimate is too early now and then.
            return self.plan.look_ms, Short("too few candles", ready_at_ms - self.rng.randrange(2 * HOUR))
        self._versions += 1
        is_broken = self.rng.random() < self.plan.failing_share
        outcome = Broke("out of memory") if is_broken else Succeeded(f"v{self._versions}")
        return self.rng.randint(*self.plan.training_ms), outcome


class Run:
    """One process of the daemon, from its start to its end."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._seen, self._number = world, world.seen, number
        records = [msgspec.json.decode(each, type=Coverage) for each in world.written.values()]
        self._roster = Roster(world.plan.policy, records)
        self._reloads = Reloads()
        self._ends: list[tuple[int, int, InstrumentId, Outcome]] = []
        """Trainings under way: when they end, their attempt, and how."""
        self._load: tuple[int, Load] | None = None
        self._worker_free_ms = self._registry_due_ms = world.now_ms
        self._in_use: dict[str, str | None] = {}

    def until(self, stop_ms: int, *, is_killed: bool) -> None:
        world, started_ms, owed, is_normal = self._world, self._world.now_ms, set(self._world.live), False
        for change in self._roster.begin(started_ms):
            self._end(change, Lost())
        self._write(self._roster.refresh(world.universe, started_ms) if world.universe else [])
        while world.now_ms < stop_ms:
            self._turn()
            if not is_normal and owed <= self._in_use.keys():
                self._seen.to_normal_ms.append(world.now_ms - started_ms)
                is_normal = True
            world.now_ms += world.plan.turn_ms
        for change in [] if is_killed else self._roster.stop(world.now_ms):
            self._end(change, Interrupted())

    def _turn(self) -> None:
        world, now_ms = self._world, self._world.now_ms
        self._seen.turns += 1
        if world.refresh_universe():
            self._write(self._roster.refresh(world.universe, now_ms))
        while self._ends and self._ends[0][0] <= now_ms:
            _, attempt, symbol, outcome = heapq.heappop(self._ends)
            if isinstance(outcome, Succeeded):
                world.live[symbol] = outcome.version
                self._registry_due_ms = now_ms  # whoever trains says so
            change = self._roster.report(symbol, attempt, outcome, now_ms)
            assert change is not None
            self._end(change, outcome)
        self._write(self._roster.wake(now_ms))
        while (begun := self._roster.take(now_ms)) is not None:
            self._begin(begun)
        if now_ms >= self._registry_due_ms:
            self._reloads.notice(world.live)
            self._registry_due_ms = now_ms + REGISTRY_EVERY_MS
        self._work()
        for scope, version in self._reloads.swap().items():
            self._in_use[scope] = version
            self._seen.swaps[self._number, scope, str(version)] += 1

    def _work(self) -> None:
        """What the worker that loads models has done since the last turn."""
        now_ms = self._world.now_ms
        while True:
            if self._load is None and (wanted := self._reloads.next()) is not None:
                self._seen.loads[self._number, *wanted] += 1
                begun_ms = max(self._worker_free_ms, now_ms - self._world.plan.turn_ms)
                self._load = (begun_ms + self._world.plan.load_ms, wanted)
            if self._load is None or self._load[0] > now_ms:
                return
            self._worker_free_ms, load = self._load
            self._load = None
            self._reloads.loaded(load)

    def _begin(self, change: Change) -> None:
        self._write([change])
        symbol = change.after.symbol
        assert isinstance(change.after.state, Training)
        self._seen.looks.setdefault(symbol, []).append(Look(self._world.now_ms))
        takes_ms, outcome = self._world.train(symbol)
        heapq.heappush(self._ends, (self._world.now_ms + takes_ms, change.after.state.attempt, symbol, outcome))
        self._seen.most_at_once = max(self._seen.most_at_once, len(self._ends))

    def _end(self, change: Change, outcome: Outcome | Lost) -> None:
        look = self._seen.looks[change.after.symbol][-1]
        look.outcome, look.ended_ms = outcome, self._world.now_ms
        self._write([change])

    def _write(self, changes: list[Change]) -> None:
        for change in changes:
            self._world.written[change.after.symbol] = msgspec.json.encode(change.after)


def faults(seen: Seen, plan: Plan) -> list[str]:
    """What broke a rule; empty: nothing did."""
    found = [
        fault for symbol, looks in seen.looks.items() for fault in _faults_of(symbol, looks, seen.members[symbol], plan)
    ]
    found += [f"{load} was loaded {times} times" for load, times in seen.loads.items() if times > 1]
    found += [f"{swap} was swapped in {times} times" for swap, times in seen.swaps.items() if times > 1]
    found += [f"swapped in, but never loaded: {swap}" for swap in seen.swaps.keys() - seen.loads.keys()]
    if seen.most_at_once > plan.policy.at_once:
        found.append(f"{seen.most_at_once} trainings at once")
    found += [f"{ms / S:.0f} s to normal trading" for ms in seen.to_normal_ms if ms >= 2 * MINUTE]
    return found


def _faults_of(symbol: str, looks: list[Look], spans: list[tuple[int, int]], plan: Plan) -> list[str]:
    policy, found = plan.policy, []
    not_before_ms: float = 0
    failures, anchor_ms = 0, None
    served: Counter[int] = Counter()
    for look in looks:
        if look.begun_ms < not_before_ms:
            found.append(f"{symbol}: looked at {(not_before_ms - look.begun_ms) / S:.0f} s too early")
        match look.outcome:
            case Succeeded():
                anchor_ms, failures = anchor_ms or look.begun_ms, 0
                served[(look.begun_ms - anchor_ms) // policy.every_ms] += 1
                not_before_ms = anchor_ms + policy.every_ms * (max(served) + 1)
            case Short(retry_at_ms=wanted_ms):
                failures = 0
                least_ms, most_ms = look.ended_ms + policy.min_retry_ms, look.ended_ms + policy.max_retry_ms
                not_before_ms = sorted((least_ms, wanted_ms, most_ms))[1]
            case Refused():
                failures, not_before_ms = 0, float("inf")
            case Broke() | Lost():
                failures += 1
                waiting_ms = policy.first_backoff_ms * 2 ** (failures - 1)
                not_before_ms = look.ended_ms + min(waiting_ms, policy.max_backoff_ms)
            case _:
                not_before_ms = 0
    found += [f"{symbol}: trained {times} times for day {k}" for k, times in served.items() if times > 1]
    return found + [f"{symbol}: not trained for day {k}" for k in _unserved(anchor_ms, spans, served, policy)]


def _unserved(
    anchor_ms: int | None, spans: list[tuple[int, int]], served: Counter[int], policy: TrainingPolicy
) -> list[int]:
    """Grid times after which the symbol was in the universe throughout, for as long as an interval, and yet was not
    trained."""
    if anchor_ms is None:
        return []
    due = range(1, max(0, spans[-1][1] - anchor_ms) // policy.every_ms)
    edges_ms = {k: (anchor_ms + k * policy.every_ms, anchor_ms + (k + 1) * policy.every_ms) for k in due}
    whole = {k for k, (a, b) in edges_ms.items() if any(begun <= a and b <= ended for begun, ended in spans)}
    return sorted(whole - served.keys())
