"""Answers on standard output: drawn for a person, JSON for a machine."""

import re
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from rich.console import Console, RenderableType

_PIPED_WIDTH = 160
_UNPRINTABLE = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON lets through: the second half of the control characters, and what turns the direction of writing."""


def print_table(draw: Callable[[int], RenderableType]) -> None:
    """`draw(width)`, as wide as the terminal; where there is none, wide enough to cut little."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    console = Console(width=width, highlight=False)
    console.print(draw(console.width))


def print_json(answer: Any) -> None:
    """One indented document. Characters that a terminal may take for orders are written as escapes."""
    text = msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
    sys.stdout.write(_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
