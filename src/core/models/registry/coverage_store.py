"""The roster on disk: what `core.models.roster` says has changed, and all of it at the next start."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from sqlalchemy import delete, insert, select

from core.domain.candles import Timeframe
from core.domain.errors import ModelError
from core.models.coverage import Coverage
from core.models.registry.tables import COVERAGE, REGISTRY, RegistryFile
from core.models.roster import Change


def market_name(venue: str, timeframe: Timeframe, mode: str) -> str:
    """Under which name the coverage of what is trained there is kept; `mode` is that of the training."""
    return f"{venue} {timeframe.value} {mode}"


class CoverageStore:
    """Of one market (venue and timeframe), in the registry's file. Raises `ModelError`."""

    def __init__(self, folder: Path, market: str) -> None:
        self._file = RegistryFile(folder / REGISTRY)
        self._market = market

    def close(self) -> None:
        self._file.close()

    def read(self) -> list[Coverage]:
        with self._file.transaction() as connection:
            found = connection.execute(select(COVERAGE.c.record).where(COVERAGE.c.market == self._market))
            records = [row.record for row in found]
        try:
            return [msgspec.json.decode(each, type=Coverage) for each in records]
        except msgspec.DecodeError as error:
            raise ModelError(f"{self._file.file}: what it says of a symbol's coverage is damaged: {error}") from error

    def write(self, changes: Iterable[Change]) -> None:
        """All or nothing."""
        with self._file.transaction() as connection:
            for before, after, _ in changes:
                known = after or before
                if known is None:
                    continue
                at = (COVERAGE.c.market == self._market) & (COVERAGE.c.symbol == known.symbol)
                connection.execute(delete(COVERAGE).where(at))
                if after is not None:
                    record = msgspec.json.encode(after).decode()
                    connection.execute(insert(COVERAGE).values(market=self._market, symbol=known.symbol, record=record))
