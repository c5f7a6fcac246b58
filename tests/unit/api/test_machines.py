"""What machines read: metrics, performance, health of a silent daemon."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.api.web.performance import judge, summarise
from core.domain.measures import OperationDone
from unit.api.daemon import DONE, FixedView, serving


class FrozenView(FixedView):
    """Its daemon may stand still."""

    def __init__(self) -> None:
        super().__init__()
        self.is_frozen = False

    async def status_in_turns(self):
        if self.is_frozen:
            await asyncio.Event().wait()
        return await super().status_in_turns()


async def test_metrics_are_what_prometheus_reads(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert all(name.startswith("metronome_") and families[name].documentation for name in families)
    samples = {(each.name, *sorted(each.labels.items())): each.value for f in families.values() for each in f.samples}
    assert samples["metronome_loop_lag_seconds_bucket", ("le", "0.005")] == 2
    assert samples["metronome_loop_lag_seconds_count",] == 3
    assert samples["metronome_queue_depth", ("queue", "data")] == 3
    assert samples["metronome_feed_age_seconds", ("channel", "candles"), ("symbol", "BTC/USDT")] == 1.5
    assert samples["metronome_drawdown_ratio",] == 0.02
    assert ("metronome_day_loss_ratio",) not in samples
    assert samples["metronome_risk_level", ("level", "NORMAL")] == 1
    assert samples["metronome_model_in_use", ("model", "v1"), ("scope", "sim 1m BTC/USDT")] == 1
    assert samples["metronome_model_refusals_total",] == 1


async def test_a_daemon_that_stands_still_is_answered_for_with_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    view = FrozenView()
    async with serving(view, tmp_path, silent_after_s=0.2) as client:
        view.is_frozen = True
        async with asyncio.timeout(30):
            while (await client.get("/health/live")).status_code == 200:
                await asyncio.sleep(0.01)
        for path in ("/health/ready", "/api/v1/status", "/api/v1/orders", "/metrics"):
            answer = await client.get(path)
            assert (answer.status_code, "no sign of life" in answer.text) == (503, True), path
        assert (await client.post("/api/v1/halt", json={"reason": "x", "by": "me"})).status_code == 503


async def test_performance_is_told_and_forgotten(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        metrics = (await client.get("/api/performance/metrics?last_n=2")).json()
        assert [each["duration_ms"] for each in metrics] == [9.0, 8.0]
        summary = (await client.get("/api/performance/metrics/summary")).json()
        assert (summary["calls"], summary["success_pct"], summary["operations"][0]["p50_ms"]) == (10, 90.0, 4.0)
        assert (await client.post("/api/performance/metrics/clear")).json() == {"cleared": 3}
        health = (await client.get("/api/performance/health")).json()
        assert [each["name"] for each in health["checks"] if not each["ok"]] == ["success_pct"]
        assert (await client.get("/api/performance/benchmarks")).json() == []
        assert (await client.post("/api/performance/benchmarks/clear")).json() == {"cleared": 0}
        for bad in ("0", "-1", "x", "10001", "1e3", ""):
            assert (await client.get(f"/api/performance/metrics?last_n={bad}")).status_code == 422
            path = f"/api/performance/benchmarks/feature-computation?num_operations={bad}"
            assert (await client.post(path)).status_code == 422


@pytest.mark.slow
@pytest.mark.processes
async def test_benchmarks_run_in_a_process_of_their_own_one_at_a_time(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        kinds = ("feature-computation", "signal-generation")
        both = [client.post(f"/api/performance/benchmarks/{kind}?num_operations=20", timeout=100) for kind in kinds]
        answers = await asyncio.gather(*both)
        assert sorted(each.status_code for each in answers) == [200, 409]
        done = next(each.json() for each in answers if each.status_code == 200)
        assert (done["operations"], done["failures"]) == (20, 0) and done["per_s"] > 0
        assert (await client.get("/api/performance/benchmarks")).json() == [done]


def test_nothing_measured_is_no_fault():
    status = FixedView().picture
    assert summarise(()).success_pct is None
    assert judge(status, (), 1_000).healthy
    slow = tuple(OperationDone("x", 1_000 * n, 1.0, True) for n in range(5))
    assert judge(status, slow, 1_000).healthy is (status.queue_depth == 0)
    assert not judge(status, [each for each in DONE if not each.succeeded], 1_000).healthy
