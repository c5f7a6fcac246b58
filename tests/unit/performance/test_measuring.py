"""The three ways do the same work, and an operation that cannot succeed is not held against them."""

import pytest

from core.compute.computer import AsyncFeatureComputer
from core.domain.errors import ComputeError
from core.features.rows import compute_rows
from core.features.standard import STANDARD
from core.market.ring_windows import RingRequest
from core.performance.measuring import measure, measure_idle
from core.performance.ways import WayName
from core.performance.workload import Markets, Workload
from core.settings.compute import ComputeSettings

SMALL = Workload(operations=20, hung=1, operation_s=0.001, hang_s=0.4, deadline_s=0.3, symbols=3, seconds=0.05)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("name", WayName)
def test_each_way_does_the_work_and_says_how_much(name: WayName) -> None:
    measured = measure(name, SMALL, ComputeSettings(workers=1, worker_niceness=0))
    assert measured.operations > 0 and measured.operations % 19 == 0, "19 of 20 can succeed"
    assert 0 <= measured.operations_done <= measured.operations
    assert measured.features >= 3 and measured.features % 3 == 0
    assert measured.signals >= 3 and measured.signals % 3 == 0
    assert measured.failures == 0
    assert measured.lag.count > 0
    if name is WayName.INLINE:
        assert (measured.lag.percentile_ms(1.0) or 0) >= 300, "a call that blocks the loop shows in its lag"


def test_an_idle_loop_is_sampled_all_the_time() -> None:
    assert measure_idle(0.2).count >= 15


def test_markets_are_whole_and_go_on() -> None:
    markets = Markets(3, 500)
    requests = [RingRequest(key.instrument_id, markets.store.handle(key), 2**62, 500) for key in markets.keys]
    before = compute_rows(STANDARD, requests)
    assert before.faults == (None, None, None)
    newest = markets.newest_open_ms
    closed = list(markets.close_candles())
    assert [each.instrument_id for each in closed] == [key.instrument_id for key in markets.keys]
    assert {each.candle.open_ms for each in closed} == {newest + 60_000} == {markets.newest_open_ms}
    after = compute_rows(STANDARD, requests)
    assert after.faults == (None, None, None)
    assert not (before.values == after.values).all(axis=1).any(), "a fresh candle changes every symbol's row"
    markets.store.close()


async def test_workers_that_cannot_start_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: AsyncFeatureComputer) -> None:
        raise ComputeError("no workers today")

    monkeypatch.setattr(AsyncFeatureComputer, "start", fails)
    import asyncio

    with pytest.raises(ComputeError, match="no workers today"):
        await asyncio.to_thread(measure, WayName.COMPUTER, SMALL, ComputeSettings())


def test_waits_are_the_same_each_time_and_as_long_as_said() -> None:
    work = Workload(operations=500, hung=4, operation_s=0.01)
    waits = work.waits_s()
    assert waits == work.waits_s()
    assert waits.count(work.hang_s) == 4
    others = [each for each in waits if each != work.hang_s]
    assert min(others) >= 0.005 and max(others) <= 0.015
    assert sum(others) / len(others) == pytest.approx(0.01, rel=0.01)
