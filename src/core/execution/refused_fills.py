"""Trades that the venue's history tells of and that were not booked, because they can't be."""

from collections.abc import Collection, Iterable

import structlog

from core.domain.instruments import InstrumentId
from core.domain.orders import FillKey
from core.execution.reconciliation import Correction, RefuseFill


class RefusedFills:
    """Each is said once, and stands until the history tells otherwise. One whose id is booked with other contents
    stands for good: which of the two is true only a person can find out."""

    def __init__(self) -> None:
        self._standing: dict[tuple[InstrumentId, FillKey], RefuseFill] = {}
        self._log = structlog.get_logger("reconciliation")

    @property
    def in_words(self) -> tuple[str, ...]:
        return tuple(f"{instrument_id} {each.reason}" for (instrument_id, _), each in self._standing.items())

    @property
    def instruments(self) -> frozenset[InstrumentId]:
        """Whose history must go on being read from before them."""
        return frozenset(key[0] for key, each in self._standing.items() if not each.is_booked_otherwise)

    def found(self, corrections: Iterable[Correction], watched: Collection[InstrumentId]) -> None:
        """What a round has found that read the history of `watched`."""
        told = {(each.fill.instrument_id, each.fill.key): each for each in corrections if isinstance(each, RefuseFill)}
        for key, each in told.items():
            if key not in self._standing or self._standing[key].reason != each.reason:
                self._log.error("fill_refused", instrument=key[0], reason=each.reason)
        kept = {
            key: each
            for key, each in self._standing.items()
            if key not in told and (key[0] not in watched or each.is_booked_otherwise)
        }
        for instrument_id, (trade_id, _) in self._standing.keys() - told.keys() - kept.keys():
            self._log.info("fill_refused_no_more", instrument=instrument_id, trade=trade_id)
        self._standing = kept | told
