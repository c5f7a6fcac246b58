"""Answers on standard output: drawn for a person, JSON for a machine."""

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from rich.console import Console, RenderableType

_PIPED_WIDTH = 160


def print_table(draw: Callable[[int], RenderableType]) -> None:
    """`draw(width)`, as wide as the terminal; where there is none, wide enough to cut little."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    console = Console(width=width, highlight=False)
    console.print(draw(console.width))


def print_json(answer: Any) -> None:
    """One indented document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
