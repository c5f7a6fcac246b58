"""The daemon's pictures as Prometheus has them: https://prometheus.io/docs/practices/naming/."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from core.api.web.feed import Events
from core.domain.measures import BOUNDS_MS, Distribution, Measures
from core.domain.status import DaemonStatus

_PREFIX = "metronome_"
_FAMILY_OF = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}
_LEVELS = ("NORMAL", "NO_ENTRY", "REDUCE_ONLY", "FLATTEN", "LOCKED")
_MIB = 1 << 20


class Exposition:
    """A collector of one scrape; `generate_latest` reads it. Labels are bounded: symbols, lanes, operations and rate
    limits are as many as the settings and the code name."""

    def __init__(self, status: DaemonStatus, measures: Measures, age_s: float, events: Events) -> None:
        """`age_s`: of `status`."""
        self._status = status
        self._measures = measures
        self._age_s = age_s
        self._events = events

    def collect(self) -> Iterator[Metric]:
        yield from self._daemon()
        yield from self._durations()
        yield from self._queues()
        yield from self._orders()
        yield from self._money()
        yield from self._market()
        yield from self._models()
        yield from self._resources()

    def _daemon(self) -> Iterator[Metric]:
        status = self._status
        yield labelled(
            "info",
            "What runs; always 1.",
            ("version", "mode", "venue"),
            {(status.version, status.mode, status.venue): 1.0},
        )
        yield gauge("uptime_seconds", "Time since the daemon began.", status.uptime_s)
        yield gauge("picture_age_seconds", "Age of the picture that this is made of.", self._age_s)
        yield gauge("trading", "1 while it trades, 0 while it starts, waits or stops.", status.state == "trading")
        yield gauge("overdue_proofs", "Parts that make no progress.", len(status.overdue))
        levels = {(each,): float(each == status.risk_level) for each in _LEVELS}
        yield labelled("risk_level", "1 for the kill switch's level.", ("level",), levels)
        yield counter("cycles", "Candle closes decided, to trade or not to.", status.cycles)
        decisions = {(code,): float(count) for code, count in status.decisions.items()}
        yield labelled("decisions", "Decisions by reason code.", ("reason",), decisions, kind="counter")

    def _durations(self) -> Iterator[Metric]:
        measures = self._measures
        yield histogram("loop_lag_seconds", "How late the loop came to its deadlines, 10 ms apart.", measures.lag)
        yield histogram("decision_latency_seconds", "Candle close received to decided.", measures.decision)
        yield histogram("order_latency_seconds", "Candle close received to order request sent.", measures.order)
        yield histogram("order_round_trip_seconds", "Order request sent to its outcome.", measures.round_trip)
        yield histogram("gc_pause_seconds", "Passes of the garbage collector.", measures.gc_pause)
        names = ("operation",)
        each = measures.operations
        yield labelled("operations", "Calls off the loop.", names, {(o.name,): o.calls for o in each}, kind="counter")
        yield labelled(
            "operation_failures", "Those that failed.", names, {(o.name,): o.failures for o in each}, kind="counter"
        )
        yield labelled(
            "operation_seconds",
            "Time that they took, queueing included.",
            names,
            {(o.name,): o.sum_ms / 1_000 for o in each},
            kind="counter",
        )

    def _queues(self) -> Iterator[Metric]:
        queues, names = self._measures.queues, ("queue",)
        yield labelled("queue_depth", "What waits.", names, {(q.name,): q.depth for q in queues})
        yield labelled(
            "queue_capacity", "What may wait; more is refused.", names, {(q.name,): q.capacity for q in queues}
        )
        oldest = {(q.name,): q.oldest_age_s for q in queues}
        yield labelled("queue_oldest_age_seconds", "Age of what waits longest.", names, oldest)
        lanes, lane = self._status.lanes, ("lane",)
        yield gauge("abandoned_threads", "Threads that hang in calls nobody awaits.", self._status.abandoned_threads)
        yield gauge("abandoned_tasks", "Tasks that would not end.", self._status.abandoned_tasks)
        expired = {(each.name,): each.expired_total for each in lanes}
        yield labelled("lane_expired", "Calls that ran out of time.", lane, expired, kind="counter")
        refused = {(each.name,): each.refused_total for each in lanes}
        yield labelled("lane_refused", "Calls that were not taken.", lane, refused, kind="counter")
        yield counter(
            "worker_kills", "Worker processes killed.", self._status.workers.killed_total if self._status.workers else 0
        )
        yield counter(
            "worker_deaths",
            "Worker processes that ended by themselves.",
            self._status.workers.died_total if self._status.workers else 0,
        )

    def _orders(self) -> Iterator[Metric]:
        status = self._status
        yield counter("orders", "Orders sent since the journal began.", status.orders)
        yield counter("fills", "Fills booked since the journal began.", status.fills)
        yield gauge("unknown_orders", "Orders whose outcome nobody knows yet.", status.unknown_orders)
        yield gauge("foreign_orders", "Open orders of somebody else on the account.", status.foreign_orders)
        yield gauge("unprotected_seconds", "How long a position has been without its stop.", status.unprotected_now_s)
        yield counter("unprotected_overdue", "How often a stop took too long.", status.unprotected_overdue)
        breaks = self._measures.reconciliation_breaks
        yield gauge("reconciliation_breaks", "Differences from the venue's books that nothing explains.", breaks)
        open_ = {(each.guards, each.name): 0.5 if each.phase == "half_open" else 1.0 for each in status.breaker_states}
        yield labelled("breaker_open", "Breakers that are open (1) or probing (0.5).", ("guards", "name"), open_)
        used = {(each.name,): each.used / each.limit for each in status.rate_limits if each.limit}
        yield labelled("rate_budget_used_ratio", "Use of the venue's rate limits.", ("limit",), used)

    def _money(self) -> Iterator[Metric]:
        status, measures = self._status, self._measures
        amounts = {
            "equity": ("What the account is worth.", status.equity),
            "profit": ("Net of fees and funding.", status.profit),
            "realised_profit": ("Before fees.", status.realised_profit),
            "unrealised_profit": ("Of open positions.", status.unrealised_profit),
            "fees": ("Paid.", status.fees),
            "exposure": ("Worth of all that is held.", measures.exposure),
        }
        for name, (words, amount) in amounts.items():
            samples = {} if amount is None else {(status.currency,): float(amount)}
            yield labelled(name, f"{words} In the account's currency.", ("currency",), samples)
        yield gauge("drawdown_ratio", "Below the equity's peak.", ratio(measures.drawdown_pct))
        yield gauge("day_loss_ratio", "Of the day's first equity.", ratio(measures.day_loss_pct))

    def _market(self) -> Iterator[Metric]:
        names = ("symbol", "channel")
        feeds = self._measures.feeds
        ages = {(each.symbol, each.channel): each.age_s for each in feeds if each.age_s is not None}
        yield labelled("feed_age_seconds", "Since a feed's last event.", names, ages)
        healthy = {(each.symbol, each.channel): float(each.is_healthy) for each in feeds}
        yield labelled("feed_healthy", "1 while a feed does its part.", names, healthy)
        yield counter("feed_messages", "Market events taken.", self._status.messages)
        yield counter("feed_reconnects", "Interrupted streams.", self._status.feed_reconnects)
        yield counter("feed_gaps", "Candles that were missing on a stream.", self._status.feed_gaps)
        yield gauge("clock_skew_seconds", "Our clock against the venue's.", seconds(self._status.clock_skew_ms))

    def _models(self) -> Iterator[Metric]:
        models = self._measures.models
        in_use = dict.fromkeys(models.in_use.items(), 1.0)
        yield labelled("model_in_use", "1 for the version that decides.", ("scope", "model"), in_use)
        yield counter("model_loads", "Models that were to be loaded.", models.loads)
        yield counter("model_swaps", "Scopes whose model changed, the first ones included.", models.swaps)
        yield counter("model_refusals", "Models that could not be used.", models.refusals)
        covered = Counter((each.state,) for each in models.coverage)
        yield labelled("model_coverage", "Symbols by what becomes of their models.", ("state",), covered)
        yield gauge("model_training", "1 while the daemon trains.", float(bool(models.training)))
        yield counter("model_trainings", "Trainings that the daemon began.", models.trainings)
        yield counter("model_training_failures", "Those that left undone what was due.", models.training_failures)

    def _resources(self) -> Iterator[Metric]:
        measures = self._measures
        yield gauge("resident_memory_bytes", "Of the trading process.", self._status.rss_mb * _MIB)
        yield gauge("open_descriptors", "Of the trading process.", measures.descriptors)
        yield gauge("tasks", "Of the trading loop.", measures.tasks)
        yield gauge("threads", "Of the trading process.", measures.threads)
        leaking = {(each.name,): float(each.is_leaking) for each in self._status.resources}
        yield labelled("leaking", "1 for what grows too fast.", ("resource",), leaking)
        yield counter("log_lines_dropped", "Log lines lost.", measures.log_lines_dropped)
        yield counter("events_dropped", "Events that no page was told.", measures.events_dropped)
        yield gauge("watching_clients", "Who is told events as they happen.", self._events.clients)
        yield counter("watching_clients_let_go", "Those who did not keep up.", self._events.let_go)


Samples = Mapping[Any, float]
"""Values by those of the labels, a tuple of as many strings."""


def labelled(name: str, words: str, names: Iterable[str], samples: Samples, *, kind: str = "gauge") -> Metric:
    family: GaugeMetricFamily | CounterMetricFamily = _FAMILY_OF[kind](_PREFIX + name, words, labels=tuple(names))
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def gauge(name: str, words: str, value: float | None) -> Metric:
    """Without a sample where `value` is `None`."""
    return labelled(name, words, (), {} if value is None else {(): float(value)})


def counter(name: str, words: str, value: float) -> Metric:
    return labelled(name, words, (), {(): float(value)}, kind="counter")


def histogram(name: str, words: str, measured: Distribution) -> Metric:
    edges = [*(f"{bound_ms / 1_000:g}" for bound_ms in BOUNDS_MS), "+Inf"]
    buckets = list(zip(edges, map(float, (*measured.at_most, measured.count)), strict=True))
    return HistogramMetricFamily(_PREFIX + name, words, buckets=buckets, sum_value=measured.sum_ms / 1_000)


def ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000
