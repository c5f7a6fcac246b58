"""Runs a function as a user without rights: root passes every permission check, so a test of one must not be root."""

import os
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


def as_nobody(function: Callable[[], str]) -> str:
    """What `function` returns in a forked child that has dropped to an unprivileged uid; as ourselves where we are not
    root. An exception in the child fails the caller with its traceback."""
    if os.geteuid() != 0:
        return function()
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, function)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, answer
    return answer


def _answer(writing: int, function: Callable[[], str]) -> None:
    failed = 1
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        answer = function()
        failed = 0
    except BaseException:  # whatever it was, a failed assertion or an exit: it is the child's answer
        answer = traceback.format_exc()
    os.write(writing, answer.encode()[:60_000])
    os._exit(failed)


@contextmanager
def walkable_folder() -> Iterator[Path]:
    """A new folder that others may read. Not one of pytest's: those are for their owner alone, and a run of pytest that
    begins meanwhile would close what had been opened."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
