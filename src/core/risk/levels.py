"""The kill switch's levels, what each lets through, and the moves between them."""

from enum import StrEnum

from core.domain.orders import Purpose


class RiskLevel(StrEnum):
    NORMAL = "NORMAL"
    NO_ENTRY = "NO_ENTRY"
    """No order that opens or adds; working entries stay."""
    REDUCE_ONLY = "REDUCE_ONLY"
    """Working entries are cancelled too."""
    FLATTEN = "FLATTEN"
    """All that the bot owns is being closed."""
    LOCKED = "LOCKED"
    """Nothing leaves until re-armed by hand."""

    def is_stricter_than(self, other: "RiskLevel") -> bool:
        return _STRICTNESS.index(self) > _STRICTNESS.index(other)


_STRICTNESS = tuple(RiskLevel)


class FlattenScope(StrEnum):
    BOT = "bot"
    """What the bot's own fills have left, and its own orders."""
    ACCOUNT = "account"
    """All that the account holds and has ordered, by whoever."""


PERMITTED: dict[RiskLevel, frozenset[Purpose]] = {
    RiskLevel.NORMAL: frozenset(Purpose),
    RiskLevel.NO_ENTRY: frozenset({Purpose.EXIT, Purpose.PROTECT}),
    RiskLevel.REDUCE_ONLY: frozenset({Purpose.EXIT, Purpose.PROTECT}),
    RiskLevel.FLATTEN: frozenset({Purpose.EXIT, Purpose.PROTECT}),
    RiskLevel.LOCKED: frozenset(),
}

MOVES: dict[RiskLevel, frozenset[RiskLevel]] = {
    RiskLevel.NORMAL: frozenset({RiskLevel.NO_ENTRY, RiskLevel.REDUCE_ONLY, RiskLevel.FLATTEN, RiskLevel.LOCKED}),
    RiskLevel.NO_ENTRY: frozenset({RiskLevel.NORMAL, RiskLevel.REDUCE_ONLY, RiskLevel.FLATTEN, RiskLevel.LOCKED}),
    RiskLevel.REDUCE_ONLY: frozenset({RiskLevel.NORMAL, RiskLevel.FLATTEN, RiskLevel.LOCKED}),
    # A flattening under way ends locked: what was being closed must not be opened again meanwhile.
    RiskLevel.FLATTEN: frozenset({RiskLevel.LOCKED}),
    # Flattening again is for what has turned up since, or for the rest of the account.
    RiskLevel.LOCKED: frozenset({RiskLevel.NORMAL, RiskLevel.FLATTEN}),
}


class IllegalLevelMove(ValueError):
    """The table `MOVES` has no such move."""

    def __init__(self, now: RiskLevel, wanted: RiskLevel) -> None:
        allowed = ", ".join(sorted(MOVES[now])) or "nowhere"
        super().__init__(f"the risk level cannot go from {now} to {wanted}; from {now} it goes to {allowed}")


def check_move(now: RiskLevel, wanted: RiskLevel) -> None:
    """Raises `IllegalLevelMove`; staying put is always fine."""
    if wanted is not now and wanted not in MOVES[now]:
        raise IllegalLevelMove(now, wanted)
