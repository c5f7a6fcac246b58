import pytest

from core.domain.signals import Direction, Signal
from core.strategies.verdict import check_signal, raised


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("fast crossed slow ↑", "fast crossed slow ↑"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\tand \x9b2J", r"two lines and \x9b2J"),
        ("lone \ud800 surrogate", r"lone \ud800 surrogate"),
        ("turned \u202e round", r"turned \u202e round"),
    ],
)
def test_what_a_strategy_says_cannot_steer_a_terminal(said: str, kept: str) -> None:
    signal = check_signal(Signal(Direction.LONG, reason=said))
    assert isinstance(signal, Signal)
    assert signal.reason == kept
    assert raised(ValueError(said)).details["message"] == kept
