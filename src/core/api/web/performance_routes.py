"""`/api/performance`: how fast work off the loop gets done, and benchmarks on demand."""

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request

from core.api.answers import Refusal
from core.api.tokens import Scope, Token
from core.api.web.benchmarks import BenchmarkRefused, Benchmarks
from core.api.web.house import House
from core.api.web.performance import (
    Cleared,
    Metric,
    MetricsSummary,
    PerformanceHealth,
    judge,
    summarise,
)
from core.api.web.wire import REFUSED_READING
from core.domain.commands import ForgetOperations
from core.domain.measures import Benchmark, OperationDone

MOST_REMEMBERED = 1_000
LastN = Annotated[int, Query(ge=1, le=MOST_REMEMBERED, description="How many, newest first.")]
Operations = Annotated[int, Query(ge=1, le=10_000, description="How many, one after the other.")]
_BUSY: dict[int | str, dict[str, Any]] = {409: {"model": Refusal}}


def add_performance_routes(application: FastAPI, house: House) -> None:
    daemon = house.daemon
    benchmarks = Benchmarks()
    admin = house.access.needs(Scope.ADMIN)
    said: dict[str, Any] = {"tags": ["performance"], "responses": REFUSED_READING}
    read: dict[str, Any] = {**said, "dependencies": [house.access.needs(Scope.READ)]}
    bench: dict[str, Any] = {**said, "responses": {**REFUSED_READING, **_BUSY}, "dependencies": [admin]}
    decoder = msgspec.json.Decoder(tuple[OperationDone, ...])

    async def done(last_n: int) -> tuple[OperationDone, ...]:
        return decoder.decode(await daemon.ask("operations", last_n=last_n))

    async def measured(kind: str, operations: int) -> Benchmark:
        try:
            return await benchmarks.run(kind, operations)
        except BenchmarkRefused as refused:
            raise HTTPException(409, str(refused)) from None

    @application.get("/api/performance/metrics", **read)
    async def metrics(last_n: LastN = 100) -> list[Metric]:
        """The last calls of operations off the loop, newest first."""
        return [Metric.model_validate(each, from_attributes=True) for each in await done(last_n)]

    @application.get("/api/performance/metrics/summary", **read)
    async def summary() -> MetricsSummary:
        """The same by operation: how many, how many succeeded, how long they took."""
        return summarise(await done(MOST_REMEMBERED))

    @application.post("/api/performance/metrics/clear", **{**said, "responses": {**REFUSED_READING, **_BUSY}})
    async def clear(request: Request, caller: Token = admin) -> Cleared:
        """Forget the calls."""
        command = ForgetOperations("by the API", caller.name)
        answer = await house.commands.carry_out(request, caller, "forget_operations", command)
        return Cleared.model_validate_json(bytes(answer.body))

    @application.get("/api/performance/benchmarks", **read)
    async def results() -> list[Benchmark]:
        """Results of benchmarks since this server began, newest first; at most a hundred."""
        return benchmarks.results()

    @application.post("/api/performance/benchmarks/feature-computation", **bench)
    async def feature_computation(num_operations: Operations = 100) -> Benchmark:
        """Compute the built-in features of one symbol over 500 candles, so many times."""
        return await measured("feature-computation", num_operations)

    @application.post("/api/performance/benchmarks/signal-generation", **bench)
    async def signal_generation(num_operations: Operations = 100) -> Benchmark:
        """Generate a signal of the EMA cross for one symbol, so many times."""
        return await measured("signal-generation", num_operations)

    @application.post("/api/performance/benchmarks/clear", **bench)
    async def clear_benchmarks() -> Cleared:
        """Forget the results."""
        return Cleared(cleared=benchmarks.clear())

    @application.get("/api/performance/health", **read)
    async def health() -> PerformanceHealth:
        """Loop lag, success, queues and throughput against their limits."""
        capacity: int = msgspec.json.decode(await daemon.ask("queue_size"), type=int)
        return judge(await daemon.fresh_status(), await done(MOST_REMEMBERED), capacity)
