"""What has been seen since a fault was armed: in the fault log, in the daemon's log, and at the venue."""

from collections.abc import Iterable

from integration.cli.daemon_process import Line
from tests.chaos.judge import Json
from tests.faults.stage import Stage


class Watch:
    """From now on."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.start = len(stage.bot.lines)
        entries = stage.faults.log()
        self._after = entries[-1]["number"] if entries else 0
        self._n_orders = len(stage.ledger()["orders"])

    def hits(self, *kinds: str) -> int:
        """Of the kind that was hit least; without kinds: all together."""
        hit = [entry["kind"] for entry in self.stage.faults.log(self._after) if entry["event"] == "hit"]
        return min((hit.count(kind) for kind in kinds), default=len(hit))

    def said(self, event: str, **words: str) -> bool:
        """Whether a line of that kind has these words in its fields."""
        return any(self.lines(event, **words))

    def why(self, *codes: str) -> bool:
        """Whether a cycle gave one of these reasons."""
        return any(line["reason"].startswith(codes) for line in self.lines("cycle"))

    def heard(self, words: str) -> bool:
        """Whether any line of the daemon's log has them."""
        return any(words in str(line) for line in self.stage.bot.lines[self.start :])

    def became(self, state: str, n: int = 1, **words: str) -> bool:
        """Whether so many orders have come into that state."""
        return len({line["id"] for line in self.lines("order", now=state, **words)}) >= n

    def found_again(self) -> bool:
        """Whether an order was in doubt, and has been seen at the venue since."""
        lost = {line["id"] for line in self.lines("order", now="unknown")}
        return any(line["id"] in lost for line in self.lines("order", was="unknown") if line["now"] != "absent")

    def new_orders(self, symbol: str) -> list[Json]:
        """At the venue, since the beginning of the watch."""
        orders: list[Json] = self.stage.ledger()["orders"][self._n_orders :]
        return [order for order in orders if order["symbol"] == symbol]

    def lines(self, event: str, **words: str) -> Iterable[Line]:
        """Of that kind, with these words in their fields."""
        for line in self.stage.lines_since(self.start, event):
            if all(word in str(line.get(name)) for name, word in words.items()):
                yield line
