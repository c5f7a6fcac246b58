"""How long orders were of unknown fate, by the journal's own word. Standard library only."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

_BEGINS = ("outcome_lost", "vanished")
_ENDS = ("reported", "absence_proven", "resolved")


@dataclass(frozen=True)
class Doubt:
    orders: int
    longest_s: float
    """Real; of one order."""
    total_s: float
    """Real; of all orders together."""


def times_in_doubt(journal: Path, speed: float) -> Doubt:
    """`speed`: venue seconds in a real one. An order still in doubt counts up to the journal's last event."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as database:
        events = database.execute("SELECT client_order_id, kind, at_ns FROM events ORDER BY seq").fetchall()
        fills = database.execute("SELECT client_order_id, 'reported', at_ns FROM fills ORDER BY seq").fetchall()
    database.close()
    since: dict[str, int] = {}
    spells: list[int] = []
    rows = sorted([*events, *fills], key=lambda row: row[2])
    for name, kind, at_ns in rows:
        if kind in _BEGINS:
            since.setdefault(name, at_ns)
        elif kind in _ENDS and name in since:
            spells.append(at_ns - since.pop(name))
    spells += [rows[-1][2] - began_ns for began_ns in since.values()]
    real_s = [spell / 1e9 / speed for spell in spells]
    return Doubt(len(spells), round(max(real_s, default=0.0), 3), round(sum(real_s), 1))
