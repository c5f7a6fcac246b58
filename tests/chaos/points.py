"""Where a life ends: the table of kill points, and the draw from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class KillPoint:
    step: str
    """`tests.mortal`'s `CALL:SIDE`, with a phase in front where it matters."""
    words: str
    weight: float
    most: int = 12
    """The passage that kills is drawn from 1 to this."""


@dataclass(frozen=True, slots=True)
class Doom:
    """How one life ends."""

    step: str | None
    """With its NTH; `None`: at an instant that no step has chosen."""
    delay_s: float
    """After the step began (`during`), or after the life began to trade."""


TABLE = (
    KillPoint("append-IntentRecorded:before", "approved, nothing written", 2, 7),
    KillPoint("append-IntentRecorded:during", "its commit is under way", 4, 7),
    KillPoint("append-IntentRecorded:after", "intent and requests are durable, nothing has left", 8, 7),
    KillPoint("place:before", "the request is about to leave", 8),
    KillPoint("place:during", "the request is on its way, there or back", 18),
    KillPoint("place:after", "the venue has answered, nothing is recorded", 10),
    KillPoint("place_pair:before", "a stop and its target are about to leave as one order list", 3, 4),
    KillPoint("place_pair:during", "the order list is on its way, there or back", 7, 4),
    KillPoint("place_pair:after", "the venue has taken the order list, nothing is recorded", 5, 4),
    KillPoint("append-DutyFollowed:after", "how far a stop shall be moved is durable, nothing else is done", 3, 1),
    KillPoint("append-Reported:before", "the answer is known, not written", 3),
    KillPoint("append-Reported:during", "its commit is under way", 3),
    KillPoint("append-Reported:after", "it is durable, nobody was told", 3),
    KillPoint("append-RequestRecorded:before", "a stop is owed, not written", 3, 7),
    KillPoint("append-RequestRecorded:after", "the stop's request is durable, it has not left", 7, 7),
    KillPoint("append-OutcomeLost:before", "an answer was lost, which is not written", 2, 1),
    KillPoint("append-CancelAsked:after", "a cancel is written, not sent", 2, 3),
    KillPoint("cancel:before", "a cancel is about to leave", 2, 3),
    KillPoint("cancel:during", "a cancel is on its way", 3, 3),
    KillPoint("cancel:after", "the cancel is answered, not recorded: a position without its stop", 3, 3),
    KillPoint("append-AmendAsked:before", "an amendment is approved, nothing written", 1, 3),
    KillPoint("append-AmendAsked:after", "an amendment is written, nothing has left", 3, 3),
    KillPoint("amend:before", "an amendment in place is about to leave", 2, 2),
    KillPoint("amend:during", "it is on its way, there or back", 3, 2),
    KillPoint("amend:after", "it is answered, not recorded", 3, 2),
    KillPoint("append-Amended:before", "the new terms are known, not written", 2, 2),
    KillPoint("append-Amended:after", "they are written, nobody was told", 1, 2),
    KillPoint("append-AmendEnded:before", "the old order is over, the new one not written", 4, 2),
    KillPoint("append-AmendEnded:after", "the new order is durable, it has not left", 4, 2),
    KillPoint("recovery/append-AmendEnded:before", "an amendment is being given up", 1, 1),
    KillPoint("recovery/append-AmendLost:after", "which terms an order has is about to be asked", 1, 1),
    KillPoint("recovery/append-Amended:before", "the terms that it has are known, not written", 1, 1),
    KillPoint("order:before", "asking after an order", 1, 3),
    KillPoint("order:after", "its answer is known, not recorded", 1, 3),
    KillPoint("running/open_orders:after", "in the middle of a reconciliation", 2, 4),
    KillPoint("running/fills_since:after", "fills found, not booked", 2, 4),
    KillPoint("recovery/epoch_id:after", "the journal is not open yet", 1, 1),
    KillPoint("recovery/append-OutcomeLost:before", "what may have left is found, not written", 2, 1),
    KillPoint("recovery/append-OutcomeLost:after", "it is written, nobody has asked", 2, 1),
    KillPoint("recovery/open_orders:after", "in recovery's reconciliation", 2, 1),
    KillPoint("recovery/fills_since:after", "what was missed is found, not booked", 2, 3),
    KillPoint("recovery/order:after", "the lost order is found, not recorded", 2, 2),
    KillPoint("recovery/orders_since:after", "one of the reads that prove absence", 2, 2),
    KillPoint("recovery/append-AbsenceProven:before", "absence is proven, not written", 2, 1),
    KillPoint("recovery/append-AbsenceProven:after", "absence is written, nobody was told", 1, 1),
    KillPoint("recovery/append-Reported:before", "the venue's picture is known, not written", 2, 1),
    KillPoint("recovery/append-RequestRecorded:after", "a stop is being put back", 2, 1),
    KillPoint("recovery/place:during", "the stop that is put back is on its way", 2, 1),
    KillPoint("recovery/place:after", "the stop stands again, which is not recorded", 2, 1),
)
INSTANT = KillPoint("instant", "whenever it may be", 15)


def dooms(rng: Random) -> Iterator[Doom]:
    """Endless."""
    points = (*TABLE, INSTANT)
    while True:
        point = rng.choices(points, [each.weight for each in points])[0]
        if point is INSTANT:
            yield Doom(None, rng.uniform(0.0, 2.5))
        else:
            delay_s = rng.choice((0.0005, 0.002, 0.005, 0.02)) * rng.uniform(0.2, 1.5)
            yield Doom(f"{point.step}:{rng.randint(1, point.most)}", delay_s)
