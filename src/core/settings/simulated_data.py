"""`[simulation.alpaca]` and `[simulation.deribit]`: what the simulated venue answers besides Binance's protocols."""

from typing import Literal

from pydantic import Field

from core.settings.section import Section


class EndpointLatency(Section):
    """Of one answer, real time: `base_ms` and as much again for what is in it."""

    base_ms: float = Field(default=0.0, ge=0, le=600_000)
    per_row_us: float = Field(default=0.0, ge=0, le=10_000_000)
    """A row is a bar, a snapshot, a quote, an instrument or a trade."""


class AlpacaSettings(Section):
    plan: Literal["basic", "plus"] = "basic"
    """`basic` has no consolidated (SIP, OPRA) data of the last 15 minutes; `plus` has all."""
    requests_per_minute: int | None = Field(default=None, gt=0)
    """Of one key; `None`: 200 with the plan `basic`, 10,000 with `plus`."""
    latencies: dict[str, EndpointLatency] = Field(default_factory=dict)
    """By route, `GET /v2/stocks/bars`, with `*` for any part of it; the first that fits. Others: `latency_ms`."""


class DeribitSettings(Section):
    requests_per_s: int = Field(default=20, gt=0)
    """Of one address, over HTTP and on each WebSocket; bursts may be five times as many."""
    latencies: dict[str, EndpointLatency] = Field(default_factory=dict)
    """By method, `public/get_instruments`, as Alpaca's by route."""
