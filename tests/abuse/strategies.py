"""Strategies of a careless user, as files. They behave until the file `ill` lies beside them."""

from pathlib import Path

HANGING, EATING = "hanging", "eating"

_WELL = """
from pathlib import Path

from core.domain.signals import Direction, Signal
from core.strategies.base import Strategy

ILL = Path(__file__).parent / "ill"


class {name}(Strategy):
    name = "{lower}"
    warmup = 30

    def prepare(self, window):
        if ILL.exists():
            misbehave()
        return {{"price": float(window.close[-1])}}, lambda: Signal(Direction.FLAT, hold=True)

    def signal(self, frame):
        raise NotImplementedError

"""
_NEVER_RETURNS = """
def misbehave():
    while True:
        pass
"""
_EATS_MEMORY = """
eaten = []


def misbehave():
    while True:
        eaten.append(b"x" * (8 << 20))
"""


def write_careless(folder: Path) -> None:
    """`hanging` never returns, `eating` takes all the memory there is and keeps it."""
    for name, misbehaviour in ((HANGING, _NEVER_RETURNS), (EATING, _EATS_MEMORY)):
        (folder / f"{name}.py").write_text(_WELL.format(name=name.title(), lower=name) + misbehaviour)


def fall_ill(folder: Path, *, ill: bool) -> None:
    if ill:
        (folder / "ill").touch()
    else:
        (folder / "ill").unlink(missing_ok=True)
