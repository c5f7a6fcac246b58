"""Benchmarks on demand: each in a process of its own, one at a time."""

import asyncio
import os
import sys
from collections import deque
from contextlib import suppress

import msgspec

from core.domain.errors import MetronomeError
from core.domain.measures import Benchmark
from core.runtime.children import PACKAGES

MOST_KEPT = 100
_TIMEOUT_S = 120.0


class BenchmarkRefused(MetronomeError):
    """One is running, or it came to nothing."""


class Benchmarks:
    """Cancelling `run` kills what runs."""

    def __init__(self) -> None:
        self._results: deque[Benchmark] = deque(maxlen=MOST_KEPT)
        self._running = asyncio.Lock()

    def results(self) -> list[Benchmark]:
        """Newest first."""
        return list(reversed(self._results))

    def clear(self) -> int:
        """How many were forgotten."""
        count = len(self._results)
        self._results.clear()
        return count

    async def run(self, kind: str, operations: int) -> Benchmark:
        """Raises `BenchmarkRefused`."""
        if self._running.locked():
            raise BenchmarkRefused("a benchmark is running; try again when it is over")
        async with self._running:
            result = await _run(kind, operations)
        self._results.append(result)
        return result


async def _run(kind: str, operations: int) -> Benchmark:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "core.performance.bench",
        kind,
        str(operations),
        env={**os.environ, "PYTHONPATH": PACKAGES},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        raise BenchmarkRefused(
            f"it took longer than {_TIMEOUT_S:g} s and was ended; ask for fewer operations"
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise BenchmarkRefused(f"it ended with code {process.returncode}")
    return msgspec.json.decode(out, type=Benchmark)
