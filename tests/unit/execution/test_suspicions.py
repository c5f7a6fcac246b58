"""Differences between our books and the venue's: said when they last, and not before."""

from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.execution.suspicions import Suspicions
from unit.execution.rig import a_venue, rig_on

PATIENCE_MS = 100
OFF = Decimal("-5")


def test_a_difference_counts_once_it_has_stayed_the_same_for_long_enough() -> None:
    suspicions: Suspicions[str] = Suspicions(PATIENCE_MS)
    suspicions.found({"USDT": OFF}, 1_000)
    assert suspicions.ripe(1_099) == {}
    suspicions.found({"USDT": OFF}, 1_050)
    assert suspicions.ripe(1_100) == {"USDT": OFF}
    suspicions.found({"USDT": OFF + 1}, 1_100)
    assert suspicions.ripe(1_150) == {}
    suspicions.found({}, 1_160)
    assert not suspicions.keys()


def test_what_could_be_explained_by_what_is_kept_from_us_waits_for_it() -> None:
    suspicions: Suspicions[str] = Suspicions(PATIENCE_MS)
    suspicions.found({"USDT": OFF}, 1_000)
    suspicions.found({"USDT": OFF}, 2_000, untold={"USDT"})
    assert suspicions.ripe(2_099) == {}
    suspicions.found({"USDT": OFF}, 2_050)
    assert suspicions.ripe(2_100) == {"USDT": OFF}


def test_a_clock_that_goes_back_starts_the_patience_again() -> None:
    suspicions: Suspicions[str] = Suspicions(PATIENCE_MS)
    suspicions.found({"USDT": OFF}, 10_000)
    suspicions.found({"USDT": OFF}, 1_000)
    assert suspicions.ripe(1_099) == {}
    assert suspicions.ripe(1_100) == {"USDT": OFF}


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from((None, 1, 2))), max_size=30))
def test_nothing_counts_that_was_not_there_all_the_while(rounds: list[tuple[int, int | None]]) -> None:
    suspicions: Suspicions[str] = Suspicions(PATIENCE_MS)
    now_ms, told = 0, []
    for step_ms, difference in rounds:
        now_ms += step_ms
        told.append((now_ms, difference))
        suspicions.found({} if difference is None else {"X": Decimal(difference)}, now_ms)
        for ripe in suspicions.ripe(now_ms).values():
            lately = [each for at_ms, each in told if at_ms >= now_ms - PATIENCE_MS]
            assert {None if each is None else Decimal(each) for each in lately} == {ripe}


async def test_replicas_that_lag_behind_are_no_break(tmp_path: Path) -> None:
    """Two rounds within the lag see the same old balances; only what outlasts it is said."""
    venue = a_venue(replica_lag_ms=1_000)
    async with rig_on(tmp_path, venue) as rig:
        await rig.executor.reconcile()
        venue.deposit("USDT", "-5")
        for _ in range(3):
            await rig.executor.reconcile()
        assert rig.executor.unexplained_balances() == {}
        venue.ahead_ms += 4_000
        await rig.executor.reconcile()
        assert rig.executor.unexplained_balances() == {"USDT": OFF}
        await rig.executor.reconcile()
        assert rig.executor.unexplained_balances() == {"USDT": OFF}


async def test_what_is_only_suspected_is_not_papered_over_with_what_is_said(tmp_path: Path) -> None:
    venue = a_venue(replica_lag_ms=1_000)
    async with rig_on(tmp_path, venue) as rig:
        await rig.executor.reconcile()
        venue.deposit("USDT", "-5")
        await rig.executor.reconcile()
        venue.ahead_ms += 4_000
        venue.deposit("ETH", "1")
        await rig.executor.reconcile()
        assert rig.executor.unexplained_balances() == {"USDT": OFF}
        venue.ahead_ms += 4_000
        await rig.executor.reconcile()
        assert rig.executor.unexplained_balances() == {"USDT": OFF, "ETH": Decimal(1)}
