"""The memory of decisions against a list of all of them."""

from hypothesis import given
from hypothesis import strategies as st

from core.decision.recent import RecentDecisions
from core.domain.instruments import InstrumentId
from core.domain.status import DecisionLine

SYMBOLS = [InstrumentId(f"{base}/USDT") for base in ("AAA", "BBB", "CCC")]


def line(symbol: str, close_ms: int, reason: str = "SIGNAL_HOLD strategy=x") -> DecisionLine:
    return DecisionLine(f"x|{symbol}|1m|{close_ms}", symbol, "x", close_ms, "NO_TRADE", reason)


LINES = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 3), st.sampled_from(["HOLD a=1", "FLAT b=2", "FLAT"])),
    max_size=60,
)


@given(drawn=LINES, kept=st.integers(1, 8), limit=st.integers(0, 70))
def test_the_newest_of_each_symbol_stay_and_all_are_counted(
    drawn: list[tuple[InstrumentId, int, str]], kept: int, limit: int
) -> None:
    memory = RecentDecisions(per_symbol=kept)
    told: list[DecisionLine] = []
    close_ms = 0
    for symbol, step, reason in drawn:
        close_ms += step
        told.append(line(symbol, close_ms, reason))
        memory.record(told[-1])

    held: list[DecisionLine] = []
    for symbol in SYMBOLS:
        of_symbol = [each for each in told if each.symbol == symbol]
        held += of_symbol[-kept:]
        assert memory.of(symbol, limit) == tuple(reversed(of_symbol[-kept:]))[:limit]
        assert memory.last(symbol) == (of_symbol[-1] if of_symbol else None)
        assert memory.cycles(symbol) == len(of_symbol)
    newest = memory.of(None, limit)
    assert [each.close_ms for each in newest] == sorted((each.close_ms for each in held), reverse=True)[:limit]
    assert all(each in held for each in newest)
    assert len({id(each) for each in newest}) == len(newest)
    assert memory.total == len(told)
    codes = [each.reason.split()[0] for each in told]
    assert memory.by_code() == {code: codes.count(code) for code in set(codes)}


def test_an_unknown_symbol_has_no_decisions() -> None:
    memory = RecentDecisions()
    assert (memory.of("XXX/USDT", 5), memory.of(None, 5), memory.last(SYMBOLS[0])) == ((), (), None)
    assert (memory.cycles(SYMBOLS[0]), memory.total, memory.by_code()) == (0, 0, {})
