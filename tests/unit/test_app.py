"""What the composition root decides by itself: how an end is explained."""

import pytest

from core.app import DaemonFault, _explained
from core.domain.errors import JournalError, SettingsError


def test_what_a_person_must_mend_is_said_as_it_is() -> None:
    error = JournalError("no room on the disk")
    assert _explained(error) is error
    assert _explained(None) is None


def test_what_a_group_of_tasks_died_of_is_found_in_it() -> None:
    error = SettingsError("the cause")
    group = BaseExceptionGroup("tasks", [ValueError("fallout"), ExceptionGroup("inner", [error])])
    assert _explained(group) is error


@pytest.mark.parametrize("cause", [ValueError("oops"), ExceptionGroup("tasks", [ValueError("oops")])])
def test_a_fault_of_the_daemons_own_has_words_and_a_code(cause: Exception) -> None:
    fault = _explained(cause)
    assert isinstance(fault, DaemonFault)
    assert fault.exit_code == 1
    assert "ValueError: oops" in str(fault)
    assert isinstance(fault.__cause__, ValueError)


def test_an_interrupt_stays_one() -> None:
    interrupt = KeyboardInterrupt()
    assert _explained(interrupt) is interrupt
