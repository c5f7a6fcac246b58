"""Loads from a source that misbehaves, into a real cache."""

from pathlib import Path

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import (
    CacheError,
    GarbageAnswer,
    KeysRefused,
    NotPermitted,
    QueryRefused,
    RateLimited,
    SettingsError,
    SourceUnavailable,
    UnknownSymbols,
)
from core.domain.series import SeriesKind
from core.history.cache.store import HistoryCache
from core.history.loading.request import HeldUp, LoadedSymbol, LoadEvent, LoadReport, LoadRequest, SymbolState
from core.ports.history import HistoryPage, HistoryQuery
from unit.history.loading.scripted import YEAR, Answer, ScriptedSource, loader_of, request
from unit.history.tables import DAY_MS, JAN_MS, bars, times_of


async def load(source: ScriptedSource, root: Path, *symbols: str) -> tuple[dict[str, LoadedSymbol], LoadReport]:
    async with loader_of(source, root) as loader:
        found = {each.report.symbol: each async for each in loader.stream(request(*symbols))}
        return found, loader.report()


def states(report: LoadReport) -> dict[str, SymbolState]:
    return {each.symbol: each.state for each in report.symbols}


async def test_symbols_come_with_their_rows_and_then_from_the_cache_without_a_request(tmp_path: Path) -> None:
    source = ScriptedSource()
    found, report = await load(source, tmp_path, "A", "B", "C")
    assert report.is_complete
    assert {symbol: len(each.series[0]) for symbol, each in found.items()} == dict.fromkeys("ABC", 366)
    assert times_of(found["A"].series[0].rows) == list(range(*YEAR, DAY_MS))
    before = len(source.asked)
    again, report = await load(source, tmp_path, "A", "B", "C")
    assert len(source.asked) == before
    assert report.requests == 0
    assert all(each.report.cached == 1.0 and len(each.series[0]) == 366 for each in again.values())


async def test_only_head_tail_and_holes_are_asked_for(tmp_path: Path) -> None:
    source = ScriptedSource()
    async with loader_of(source, tmp_path) as loader:
        for first, last in ((50, 60), (80, 90)):
            span = (JAN_MS + first * DAY_MS, JAN_MS + last * DAY_MS)
            assert [each async for each in loader.ready(request("A", span=span))]
        source.asked.clear()
        assert [each async for each in loader.ready(request("A"))]
    days = {day for query, _ in source.asked for day in range(query.start_ms, query.end_ms, DAY_MS)}
    kept = {JAN_MS + day * DAY_MS for day in (*range(50, 60), *range(80, 90))}
    assert days == set(range(*YEAR, DAY_MS)) - kept


async def test_the_newest_rows_are_asked_for_again_and_take_the_place_of_the_old(tmp_path: Path) -> None:
    source = ScriptedSource()
    until_now = (YEAR[0], YEAR[1] + 10 * DAY_MS)
    async with loader_of(source, tmp_path) as loader:
        assert [each async for each in loader.ready(request("A", span=until_now))]
        source.asked.clear()
        source.price = 9.0
        found = [each async for each in loader.stream(request("A", span=until_now))]
    assert [query.start_ms for query, _ in source.asked] == [until_now[1] - 2 * DAY_MS]
    closes = found[0].series[0].rows.column("close").to_pylist()
    assert closes == [1.0] * (len(closes) - 2) + [9.0] * 2


async def test_unknown_symbols_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    def script(query: HistoryQuery, _: str | None) -> None:
        if unknown := [symbol for symbol in query.symbols if symbol.startswith("NO")]:
            raise UnknownSymbols("scripted", unknown[:1])

    found, report = await load(ScriptedSource(script), tmp_path, "A", "NOPE", "B", "NOT", "C")
    assert states(report) == {
        **dict.fromkeys("ABC", SymbolState.READY),
        **dict.fromkeys(("NOPE", "NOT"), SymbolState.FAILED),
    }
    assert "no such symbol: NOPE" in found["NOPE"].report.problems[0]
    assert not report.is_complete


async def test_a_refusal_that_names_nobody_is_tracked_down(tmp_path: Path) -> None:
    def script(query: HistoryQuery, _: str | None) -> None:
        if "BAD" in query.symbols:
            raise QueryRefused("scripted", "bad request")

    _, report = await load(ScriptedSource(script), tmp_path, *"ABCDEF", "BAD", *"GHI")
    assert [symbol for symbol, state in states(report).items() if state is not SymbolState.READY] == ["BAD"]


async def test_symbols_without_any_rows_are_empty_and_asked_for_again_by_the_next_load(tmp_path: Path) -> None:
    source = ScriptedSource()
    source.empty = {"B"}
    found, report = await load(source, tmp_path, "A", "B")
    assert states(report) == {"A": SymbolState.READY, "B": SymbolState.EMPTY}
    assert found["B"].series == ()
    before = len(source.asked)
    await load(source, tmp_path, "A", "B")
    assert len(source.asked) == before + 1


@pytest.mark.parametrize(
    "error",
    [
        SourceUnavailable("scripted", "HTTP 504"),
        GarbageAnswer("scripted", "HTML"),
        RateLimited("scripted", "slow", 0.01),
    ],
)
async def test_what_may_help_itself_is_asked_for_again(tmp_path: Path, error: Exception) -> None:
    failures = [error, error]

    def script(*_: object) -> None:
        if failures:
            raise failures.pop()

    told: list[LoadEvent] = []
    async with loader_of(ScriptedSource(script), tmp_path, on_event=told.append) as loader:
        found = [each async for each in loader.stream(request("A"))]
    assert found[0].report.state is SymbolState.READY
    assert len(found[0].series[0]) == 366
    assert len([event for event in told if isinstance(event, HeldUp)]) == 2


async def test_a_series_is_given_up_after_its_attempts_and_the_others_are_not(tmp_path: Path) -> None:
    def script(query: HistoryQuery, _: str | None) -> None:
        if query.symbols == ("A",):
            raise SourceUnavailable("scripted", "HTTP 504")

    source = ScriptedSource(script, batch=1)
    _, report = await load(source, tmp_path, "A", "B")
    assert states(report) == {"A": SymbolState.FAILED, "B": SymbolState.READY}
    assert len([query for query, _ in source.asked if query.symbols == ("A",)]) == 3


async def test_wrong_keys_end_the_load_at_once(tmp_path: Path) -> None:
    def script(*_: object) -> None:
        raise KeysRefused("scripted", "keys are wrong")

    source = ScriptedSource(script, batch=1)
    _, report = await load(source, tmp_path, *"ABCDEFGH")
    assert isinstance(report.stopped_by, KeysRefused)
    assert set(states(report).values()) == {SymbolState.FAILED}
    assert len(source.asked) <= 8


async def test_what_the_account_may_not_read_is_not_asked_for_by_every_symbol(tmp_path: Path) -> None:
    def script(*_: object) -> None:
        raise NotPermitted("scripted", "no such feed in this plan")

    source = ScriptedSource(script, batch=1)
    found, report = await load(source, tmp_path, *"ABCDEFGHIJKLMNOP")
    assert len(source.asked) <= 4
    assert all("no such feed in this plan" in each.report.problems[0] for each in found.values())
    assert report.stopped_by is None


def circle(query: HistoryQuery, token: str | None) -> HistoryPage:
    return HistoryPage({}, "b" if token == "a" else "a")


def endless(query: HistoryQuery, token: str | None) -> HistoryPage:
    return HistoryPage({}, str(int(token or 0) + 1))


@pytest.mark.parametrize("script", [circle, endless])
async def test_pages_that_lead_nowhere_end(tmp_path: Path, script: Answer) -> None:
    found, _ = await load(ScriptedSource(script), tmp_path, "A")
    assert found["A"].report.state is SymbolState.FAILED
    assert "comes again" in found["A"].report.problems[0]


async def test_pages_are_put_together(tmp_path: Path) -> None:
    def script(query: HistoryQuery, token: str | None) -> HistoryPage:
        day = int(token or query.start_ms)
        rows = bars(range(day, min(day + 10 * DAY_MS, query.end_ms), DAY_MS))
        after = day + 10 * DAY_MS
        return HistoryPage({"A": rows}, str(after) if after < query.end_ms else None)

    found, _ = await load(ScriptedSource(script), tmp_path, "A")
    assert times_of(found["A"].series[0].rows) == list(range(*YEAR, DAY_MS))


async def test_a_torn_file_is_fetched_again_by_the_same_load(tmp_path: Path) -> None:
    source = ScriptedSource()
    await load(source, tmp_path, "A")
    torn = sorted(tmp_path.glob("**/*.parquet"))[3]
    torn.write_bytes(torn.read_bytes()[:-1])
    source.asked.clear()
    found, report = await load(source, tmp_path, "A")
    assert report.is_complete
    assert times_of(found["A"].series[0].rows) == list(range(*YEAR, DAY_MS))
    assert len(source.asked) == 1
    assert list(tmp_path.glob("**/*.torn"))


async def test_a_cache_that_can_t_be_written_ends_the_load_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise CacheError("No space left on device")

    monkeypatch.setattr(HistoryCache, "store", full)
    _, report = await load(ScriptedSource(), tmp_path, "A", "B")
    assert isinstance(report.stopped_by, CacheError)
    assert all("No space left" in each.problems[0] for each in report.symbols)


async def test_leaving_early_keeps_what_is_done(tmp_path: Path) -> None:
    source = ScriptedSource(batch=1)
    async with loader_of(source, tmp_path) as loader:
        first = await anext(loader.stream(request(*"ABCDEF")))
    assert len(HistoryCache(tmp_path).read(first.series[0].name, YEAR)) == 366


async def test_what_the_source_does_not_have_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    source = ScriptedSource()
    async with loader_of(source, tmp_path) as loader:
        wrong = LoadRequest(("A",), (SeriesKind.FUNDING,), Timeframe.D1, YEAR)
        with pytest.raises(SettingsError, match="scripted has no funding; it has stock_bars"):
            await anext(loader.ready(wrong))
    assert not source.asked
