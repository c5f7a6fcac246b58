"""Routes of the recorded decisions: any moment of the past, whether the daemon answers or not."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Response

from core.api.answers import Refusal
from core.api.tokens import Scope
from core.api.web.house import House
from core.api.web.record import Record
from core.api.web.wire import answers, as_json
from core.decision_ledger.reader import DecisionLedgerReader
from core.domain.errors import LedgerError
from core.domain.status import DecisionLine, ReasonCount
from core.domain.symbol_names import find_symbol, nearest_symbols

T = TypeVar("T")

_HOUR_MS = 3_600_000
_EVER_MS = 2**53
"""More, and JSON's readers lose digits."""
Symbol = Annotated[str | None, Query(max_length=64)]
Moment = Annotated[int | None, Query(ge=0, le=_EVER_MS, description="UTC ms, of the candles' close.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]
Hours = Annotated[int, Query(ge=1, le=168, description="How many, up to `until_ms`.")]
_NO_SYMBOL: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}


def add_record_routes(application: FastAPI, house: House) -> None:
    record = house.record
    read = [house.access.needs(Scope.READ)]

    @application.get("/api/v1/record", dependencies=read, **answers(list[DecisionLine], also=_NO_SYMBOL))
    async def recorded(symbol: Symbol = None, at_ms: Moment = None, limit: Limit = 20) -> Response:
        """Recorded decisions, each with its sentence, its gates and what became of its orders, newest first. `at_ms`
        asks for those of that moment or before, and needs a `symbol`."""
        if symbol is None:
            if at_ms is not None:
                raise HTTPException(422, "at_ms needs a symbol")
            return as_json(await _read(record, lambda reader: reader.newest(limit)))
        return as_json(await _read(record, lambda reader: reader.decisions(_known(reader, symbol), limit, at_ms=at_ms)))

    @application.get("/api/v1/record/reasons", dependencies=read, **answers(list[ReasonCount], also=_NO_SYMBOL))
    async def reasons(symbol: Symbol = None, until_ms: Moment = None, hours: Hours = 24) -> Response:
        """How often each reason decided, by symbol and hour, oldest first: of the hours up to `until_ms`, or to the
        newest that is recorded."""

        def count(reader: DecisionLedgerReader) -> tuple[ReasonCount, ...]:
            known = None if symbol is None else _known(reader, symbol)
            last_ms = reader.last_hour_ms() if until_ms is None else until_ms
            return reader.summary(known, since_ms=max(0, last_ms - (hours - 1) * _HOUR_MS), until_ms=last_ms)

        return as_json(await _read(record, count))


async def _read(record: Record, work: Callable[[DecisionLedgerReader], tuple[T, ...]]) -> tuple[T, ...]:
    """503 where the record can't be read."""
    try:
        return await record.read(work, ())
    except LedgerError as error:
        raise HTTPException(503, str(error)) from None


def _known(reader: DecisionLedgerReader, asked: str) -> str:
    """404 with the nearest ones where nothing was ever recorded of it."""
    symbols = reader.symbols()
    if (found := find_symbol(asked, symbols)) is not None:
        return found
    near = nearest_symbols(asked, symbols)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise HTTPException(404, f"no decision on {asked} is recorded{hint}")
