import ast
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.domain import reason_words
from core.domain.reason_codes import ReasonCode, because
from core.domain.reason_words import in_words, parse
from core.domain.reasons import Reason

SOURCE = Path(core.__file__).parent


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("STALE_QUOTE age_s=4.2 limit_s=2", "quote 4.2 s old (limit 2 s)"),
        ("STALE_QUOTE age_s=4.23456789 limit_s=2", "quote 4.235 s old (limit 2 s)"),
        ("STALE_QUOTE", "the best bid and ask have not been confirmed for too long to price an order"),
        ("VOLATILITY_MISSING", "too few candles to measure the volatility that sizes the position"),
        ("EPOCH_CHANGED approved=3 now=4", "the risk state changed after the approval (approved 3, now 4)"),
        ("COMPUTER_SAYS_NO a=1", "COMPUTER_SAYS_NO a=1"),
        ("", ""),
    ],
)
def test_a_reason_in_words(text: str, words: str) -> None:
    assert in_words(text) == words


details = st.dictionaries(
    st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), st.text("abc 1./:", max_size=20), max_size=4
)


@given(st.sampled_from(ReasonCode), details)
def test_what_was_written_is_read_again(code: ReasonCode, given_details: dict[str, str]) -> None:
    assert parse(str(Reason(code.value, given_details))) == Reason(code.value, given_details)


@given(st.text(max_size=60))
def test_any_text_has_words(text: str) -> None:
    assert isinstance(in_words(text), str)


def test_each_sentence_asks_only_for_what_its_reason_is_always_given() -> None:
    asked = {
        code.name: {name for _, name, _, _ in string.Formatter().parse(words) if name}
        for code, words in reason_words._WORDS.items()
    }
    for code, keys in calls():
        if code in asked and None not in keys:
            assert asked[code] <= keys, f"{code}: {asked[code] - keys}"


def calls() -> list[tuple[str, set[str | None]]]:
    """Every `because(ReasonCode.X, ...)` in the source with its keys; `None` among them for `**details`."""
    found = []
    texts = (file.read_text("utf-8") for file in SOURCE.rglob("*.py"))
    for text in (each for each in texts if "because(ReasonCode" in each):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == because.__name__:
                code = node.args[0]
                if isinstance(code, ast.Attribute):
                    found.append((code.attr, {each.arg for each in node.keywords}))
    assert len(found) > 50
    return found
