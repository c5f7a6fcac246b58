"""What `check` finds: one line each, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    subject: str
    words: str
    """What was found; for `warn` and `fail` also what to do."""
    exit_code: int = 0
    """What `check` should end with because of it; 0 unless `fail`."""


def ok(subject: str, words: str) -> Finding:
    return Finding(Level.OK, subject, words)


def warn(subject: str, words: str) -> Finding:
    return Finding(Level.WARN, subject, words)


def fail(subject: str, words: str, exit_code: int = 2) -> Finding:
    """2: settings or this machine; 3: the venue."""
    return Finding(Level.FAIL, subject, words, exit_code)


def exit_code(findings: Sequence[Finding]) -> int:
    """The lowest that a failure asks for (settings before the venue), 0 without one."""
    return min((each.exit_code for each in findings if each.level is Level.FAIL), default=0)


_STYLE = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def draw(findings: Sequence[Finding]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for each in findings:
        table.add_row(Text(each.level, style=_STYLE[each.level]), each.subject, Text(each.words))
    return table
