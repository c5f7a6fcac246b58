"""How long answers of the vendors' protocols take."""

import asyncio
from collections.abc import Mapping
from fnmatch import fnmatchcase

from core.settings.simulated_data import EndpointLatency


class Latencies:
    """`by_route` has patterns, of which the first that fits counts; `default_s` is for the others."""

    def __init__(self, by_route: Mapping[str, EndpointLatency], default_s: float) -> None:
        self._by_route = by_route
        self._default_s = default_s

    def of(self, route: str, n_rows: int) -> float:
        """Real seconds."""
        for pattern, latency in self._by_route.items():
            if fnmatchcase(route, pattern):
                return latency.base_ms / 1e3 + n_rows * latency.per_row_us / 1e6
        return self._default_s

    async def pass_by(self, route: str, n_rows: int, began_s: float) -> None:
        """Returns when an answer that was asked for at `began_s` (loop time) is due."""
        due_s = began_s + self.of(route, n_rows)
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
