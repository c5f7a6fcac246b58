import doctest
import re
from decimal import Decimal

from core.domain import reason_codes
from core.domain.reason_codes import ReasonCode, because


def test_every_code_is_a_word_of_its_own_with_a_sentence():
    sentences = [code.sentence for code in ReasonCode]
    assert len(set(sentences)) == len(sentences)
    for code in ReasonCode:
        assert code.value == code.name
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code.value)
        assert code.sentence.endswith(".")
        assert ReasonCode(code.value) is code


def test_numbers_are_written_plainly():
    reason = because(
        ReasonCode.PRICE_COLLAR, a=0.1 + 0.2, b=Decimal("1E+3"), c=Decimal("0.000000010"), d=float("nan"), e=None
    )
    assert reason.details == {"a": "0.3", "b": "1000", "c": "0.00000001", "d": "nan", "e": "None"}


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(reason_codes).failed == 0
