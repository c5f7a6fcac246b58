"""Asks worker processes for signals: one job a strategy for all symbols whose candles close together.

Requests that arrive within `coalesce_s` of the first travel in one job, since closes of one minute arrive as a burst;
so do those that arrive while the strategy's last job is under way. The answers come back per symbol. Where a job kills
its worker (crash, memory, deadline) it is halved and run again, so that one poisonous symbol does not cost the others
their cycle; from then on it travels behind them, alone. A strategy that does so again and again, or eats all memory,
and answers nobody in between, is left alone for a while. None has more than one job at a time, so one that hangs holds
one worker.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.compute.worker_frames import unpack_result
from core.domain.candles import SeriesKey
from core.domain.errors import BreakerOpen, ComputeError, DeadlineExceeded, StrategyError, WorkerDied
from core.domain.reason_codes import ReasonCode
from core.market.candle_memory import RingHandle
from core.market.ring_windows import RingRequest
from core.models.serving.in_use import ModelsInUse
from core.runtime.breaker import BreakerPolicy, Breakers, Phase
from core.runtime.clocks import SystemMonotonicClock
from core.strategies.plans import StrategyPlan
from core.strategies.ring_worker import evaluate_in_parts
from core.strategies.spec import Evaluation

_ANSWERS_A_TURN = 25


@dataclass(frozen=True, slots=True)
class EvaluatorStatistics:
    jobs: int
    evaluations: int
    failures: int
    pending: int


@dataclass(frozen=True, slots=True)
class _Question:
    """One symbol's request and who waits for its answer."""

    key: SeriesKey
    request: RingRequest
    answer: asyncio.Future[Evaluation]


class _Batch:
    """Questions of one strategy that wait to travel together."""

    __slots__ = ("is_leaving", "timer", "waiting")

    def __init__(self) -> None:
        self.waiting: list[_Question] = []
        self.timer: asyncio.TimerHandle | None = None
        self.is_leaving = False
        """As soon as the strategy's last job is done."""


class StrategyEvaluator:
    """Belongs to one event loop. `evaluate` may be cancelled at any time: the others of its job do not notice."""

    def __init__(
        self,
        computer: AsyncFeatureComputer,
        ring: Callable[[SeriesKey], RingHandle],
        *,
        deadline_s: float,
        coalesce_s: float = 0.01,
        breakers: Breakers | None = None,
        models: Callable[[int], ModelsInUse | None] = lambda _: None,
    ) -> None:
        """`deadline_s`: real time that one job may take in its worker; `ring` names a series' shared memory;
        `breakers`: by the strategy's name, `None`: its own; `models`: those that decide about candles of this close,
        UTC ms, asked when a job leaves."""
        self._computer = computer
        self._ring = ring
        self._deadline_s = deadline_s
        self._coalesce_s = coalesce_s
        self._models = models
        self._breakers = breakers or Breakers(BreakerPolicy(), SystemMonotonicClock())
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._batches: dict[str, _Batch] = {}
        self._suspects: set[tuple[str, SeriesKey]] = set()
        """What took a worker down when it was alone with it: it travels alone until it has answered again."""
        self._jobs: set[asyncio.Task[None]] = set()
        self._job_count = 0
        self._evaluations = 0
        self._failures = 0

    async def evaluate(self, plan: StrategyPlan, key: SeriesKey, close_ms: int) -> Evaluation:
        """The strategy's answer for the window that ends with the candle closing at `close_ms`.

        Raises `StrategyError` where the strategy's code took its worker down, `BreakerOpen` where it has done so too
        often, `ComputeError` where there was no worker, `SettingsError` where the strategy can't be loaded any more.
        """
        batch = self._batches.setdefault(plan.spec.key, _Batch())
        answer: asyncio.Future[Evaluation] = asyncio.get_running_loop().create_future()
        request = RingRequest(key.instrument_id, self._ring(key), close_ms - key.timeframe.ms, plan.description.window)
        batch.waiting.append(_Question(key, request, answer))
        if len(batch.waiting) >= len(plan.spec.symbols):
            self._send(plan)
        elif batch.timer is None:
            batch.timer = asyncio.get_running_loop().call_later(self._coalesce_s, self._send, plan)
        return await answer

    def statistics(self) -> EvaluatorStatistics:
        pending = sum(len(batch.waiting) for batch in self._batches.values())
        return EvaluatorStatistics(self._job_count, self._evaluations, self._failures, pending)

    async def close(self) -> None:
        """Cancel the jobs under way. Their waiters see `CancelledError`."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def _send(self, plan: StrategyPlan) -> None:
        batch = self._batches.get(plan.spec.key)
        if batch is None or batch.is_leaving:
            return
        if batch.timer is not None:
            batch.timer.cancel()
        batch.is_leaving = True
        job = asyncio.create_task(self._leave(plan, batch), name=f"evaluate {plan.name}")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _leave(self, plan: StrategyPlan, batch: _Batch) -> None:
        try:
            async with self._turns[plan.spec.key]:
                del self._batches[plan.spec.key]
                wanted = [each for each in batch.waiting if not each.answer.done()]
                alone = [each for each in wanted if self._suspected(plan, [each])]
                together = [each for each in wanted if each not in alone] if alone else wanted
                outcome = await self._attempt(plan, together)
            await self._make_of(outcome, plan, together)
            for each in alone:
                await self._run(plan, [each])
        except asyncio.CancelledError:
            for each in batch.waiting:
                each.answer.cancel()
            raise

    async def _run(self, plan: StrategyPlan, questions: Sequence[_Question], *, is_second_try: bool = False) -> None:
        async with self._turns[plan.spec.key]:  # given back before the answers are told: that takes longer
            wanted = [each for each in questions if not each.answer.done()]
            outcome = await self._attempt(plan, wanted)
        await self._make_of(outcome, plan, wanted, is_second_try=is_second_try)

    async def _attempt(self, plan: StrategyPlan, wanted: Sequence[_Question]) -> Sequence[Evaluation] | Exception:
        try:
            return await self._ask(plan, wanted)
        except Exception as error:  # the boundary of one job: whoever waits for it is told
            return error

    async def _make_of(
        self,
        outcome: Sequence[Evaluation] | Exception,
        plan: StrategyPlan,
        wanted: Sequence[_Question],
        *,
        is_second_try: bool = False,
    ) -> None:
        if isinstance(outcome, (WorkerDied, DeadlineExceeded)):
            await self._narrow_down(plan, wanted, outcome, is_second_try=is_second_try)
        elif isinstance(outcome, Exception):
            self._fail(wanted, outcome)
        else:
            await self._deliver(wanted, outcome)

    async def _ask(self, plan: StrategyPlan, wanted: Sequence[_Question]) -> Sequence[Evaluation]:
        """One job. Raises what `evaluate` and `AsyncFeatureComputer.run` do."""
        if not wanted:
            return ()
        if not self._breakers.admits(plan.name):
            state = self._breakers.state(plan.name)
            raise BreakerOpen(f"{plan.name} has failed {state.failures} times in a row: {state.reason}")
        self._job_count += 1
        operation = f"evaluate:{plan.name}"
        parts = await self._computer.run(
            evaluate_in_parts,
            plan.spec,
            [each.request for each in wanted],
            *((self._models(_close_ms(wanted)),) if plan.description.asks_models else ()),
            kind=Kind.CPU if plan.spec.is_built_in else Kind.USER_CODE,
            priority=Priority.BACKGROUND if self._suspected(plan, wanted) else Priority.NORMAL,
            deadline_s=self._deadline_s,
            operation=operation,
        )
        evaluations: list[Evaluation] = []
        for part in parts:
            evaluations += unpack_result(operation, part)
            await asyncio.sleep(0)
        if all(map(_is_out_of_memory, evaluations)):
            self._breakers.failed(plan.name, str(evaluations[0].error))
        else:
            self._breakers.succeeded(plan.name)
        self._evaluations += len(evaluations)
        if self._suspects:
            self._suspects -= {(plan.spec.key, each.key) for each in wanted}
        return evaluations

    async def _deliver(self, questions: Sequence[_Question], evaluations: Sequence[Evaluation]) -> None:
        """Some a turn of the loop: each wakes a cycle that decides at once. All in one turn would make the loop late
        for everything else; a few a turn would let the first orders' threads hold up the last decisions."""
        for start in range(0, len(questions), _ANSWERS_A_TURN):
            turn = slice(start, start + _ANSWERS_A_TURN)
            for question, evaluation in zip(questions[turn], evaluations[turn], strict=True):
                if not question.answer.done():
                    question.answer.set_result(evaluation)
            await asyncio.sleep(0)

    async def _narrow_down(
        self, plan: StrategyPlan, wanted: Sequence[_Question], error: ComputeError, *, is_second_try: bool
    ) -> None:
        """Find who took the worker down. What never ran, for others that hung, is nobody's fault, nor is a worker that
        the system has killed: both are tried once more."""
        could_not_start = isinstance(error, DeadlineExceeded) and not error.started
        is_probe = self._breakers.phase(plan.name) is not Phase.CLOSED
        if could_not_start and is_second_try:
            self._fail(wanted, error)
        elif could_not_start:
            await self._run(plan, wanted, is_second_try=True)
        elif is_probe or (len(wanted) == 1 and (is_second_try or self._is_its_own_doing(plan, wanted, error))):
            self._blame(plan, wanted, error)
        elif len(wanted) == 1:
            await self._run(plan, wanted, is_second_try=True)
        else:
            middle = len(wanted) // 2
            await self._run(plan, wanted[:middle])
            await self._run(plan, wanted[middle:])

    def _blame(self, plan: StrategyPlan, wanted: Sequence[_Question], error: ComputeError) -> None:
        if len(wanted) == 1:
            self._suspects.add((plan.spec.key, wanted[0].key))
        self._breakers.failed(plan.name, str(error))
        self._fail(wanted, StrategyError(f"{plan.name}: {error}"))

    def _is_its_own_doing(self, plan: StrategyPlan, wanted: Sequence[_Question], error: ComputeError) -> bool:
        return isinstance(error, DeadlineExceeded) or self._suspected(plan, wanted)

    def _suspected(self, plan: StrategyPlan, wanted: Sequence[_Question]) -> bool:
        return bool(self._suspects) and any((plan.spec.key, each.key) in self._suspects for each in wanted)

    def _fail(self, wanted: Sequence[_Question], error: Exception) -> None:
        self._failures += len(wanted)
        for each in wanted:
            if not each.answer.done():
                each.answer.set_exception(error)


def _close_ms(wanted: Sequence[_Question]) -> int:
    return max(each.request.last_open_ms + each.key.timeframe.ms for each in wanted)


def _is_out_of_memory(evaluation: Evaluation) -> bool:
    error = evaluation.error
    return error is not None and error.code == ReasonCode.STRATEGY_RAISED and error.details["error"] == "MemoryError"
