"""Errors of history sources: worker processes send them, so nothing of them may be lost on the way."""

import pickle

import pytest

from core.domain.errors import GarbageAnswer, HistoryError, RateLimited, UnknownSymbols


@pytest.mark.parametrize(
    "error",
    [
        GarbageAnswer("alpaca", "HTML instead of JSON"),
        RateLimited("alpaca", "too many requests", 2.5),
        UnknownSymbols("alpaca", ("NOPE", "NADA"), "Look at the spelling"),
    ],
)
def test_errors_survive_pickling(error: HistoryError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_unknown_symbols_are_named() -> None:
    assert str(UnknownSymbols("alpaca", ("NOPE", "NADA"))) == "alpaca: no such symbol: NOPE, NADA"
