"""The ledger in other hands than its writer's: nothing is written, and a daemon may be writing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, select

from core.decision_ledger import schema
from core.decision_ledger.codec import decode, read
from core.decision_ledger.explain import explained
from core.decision_ledger.storage import is_damage
from core.domain.errors import JournalError, LedgerError
from core.domain.status import DecisionLine, OrderOutcome, ReasonCount
from core.execution.journal.engine import Database
from core.execution.journal.reading import read_only_url

_HOUR_MS = 3_600_000
_EVER_MS = 2**63 - 1
_DROPPED = (
    ". A daemon sets such a file aside and begins another; it may also be deleted, only past decisions are in it."
)


class DecisionLedgerReader:
    """Every call opens the file, reads one picture of it and closes it: milliseconds, however much was recorded. Calls
    block; any thread or process may make them. Each raises `LedgerError` that names the file, and nothing else. Where
    there is no file yet there are no decisions."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def symbols(self) -> tuple[str, ...]:
        """That decisions were recorded of, sorted."""
        with self._opened() as connection:
            names = [] if connection is None else connection.execute(select(schema.SYMBOLS.c.name)).scalars().all()
            return tuple(sorted(map(str, names)))

    def newest(self, limit: int) -> tuple[DecisionLine, ...]:
        """Of all symbols, newest first as they were recorded, each with its sentence and its orders."""
        return self._decisions("SELECT body FROM decisions ORDER BY seq DESC LIMIT ?", limit)

    def decisions(self, symbol: str, limit: int, *, at_ms: int | None = None) -> tuple[DecisionLine, ...]:
        """The same of one symbol, by the close of the candles. `at_ms`: of those that closed at that trading time or
        before."""
        return self._decisions(
            "SELECT body FROM decisions WHERE symbol = (SELECT symbol FROM symbols WHERE name = ?) AND close_ms <= ?"
            " ORDER BY close_ms DESC, seq DESC LIMIT ?",
            symbol,
            _EVER_MS if at_ms is None else at_ms,
            limit,
        )

    def summary(
        self, symbol: str | None = None, *, since_ms: int = 0, until_ms: int | None = None
    ) -> tuple[ReasonCount, ...]:
        """How often each reason decided, by symbol and hour, oldest first; of whole hours of the candles' close."""
        hours = schema.HOURS.c
        query = (
            select(schema.SYMBOLS.c.name, hours.hour_ms, hours.outcome, hours.code, hours.count)
            .join_from(schema.HOURS, schema.SYMBOLS, hours.symbol == schema.SYMBOLS.c.symbol)
            .where(hours.hour_ms >= since_ms - since_ms % _HOUR_MS)
            .order_by(hours.hour_ms, schema.SYMBOLS.c.name, hours.outcome, hours.code)
        )
        if symbol is not None:
            query = query.where(schema.SYMBOLS.c.name == symbol)
        if until_ms is not None:
            query = query.where(hours.hour_ms <= until_ms)
        with self._opened() as connection:
            return () if connection is None else tuple(ReasonCount(*row) for row in connection.execute(query))

    def last_hour_ms(self) -> int:
        """The begin of the newest hour that has a decision; 0 where there is none."""
        with self._opened() as connection:
            newest = connection and connection.exec_driver_sql("SELECT max(hour_ms) FROM hours").scalar()
            return newest or 0

    def _decisions(self, query: str, *values: str | int) -> tuple[DecisionLine, ...]:
        with self._opened() as connection:
            if connection is None:
                return ()
            lines = [decode(body) for body in connection.exec_driver_sql(query, values).scalars()]
            orders = _orders_of(connection, [name for line in lines for name in _intents(line)])
        return tuple(explained(line, [each for name in _intents(line) for each in orders[name]]) for line in lines)

    @contextmanager
    def _opened(self) -> Iterator[Connection | None]:
        """`None`: there is no file."""
        if not self.file.exists():
            yield None
            return
        database = Database(read_only_url(self.file), busy_timeout_s=2.0)
        try:
            with database.transaction(writing=False) as connection:
                found = schema.version_of(connection)
                if found not in (0, schema.VERSION):
                    raise LedgerError(f"its format is version {found}, this program reads {schema.VERSION}")
                yield connection if found else None
        except (JournalError, LedgerError) as error:
            hint = _DROPPED if isinstance(error, LedgerError) or is_damage(error) else ""
            raise LedgerError(f"decision ledger {self.file}: {error}{hint}") from error
        finally:
            database.close()


def _intents(line: DecisionLine) -> Iterable[str]:
    """The decision's own intent, and the one that was to follow it."""
    return (each for each in (line.intent_id, line.intent.get("then_intent")) if each is not None)


def _orders_of(connection: Connection, intents: Sequence[str]) -> dict[str, list[OrderOutcome]]:
    """By intent, in the order of their ids."""
    found: dict[str, list[OrderOutcome]] = {intent: [] for intent in intents}
    for intent, outcomes in found.items():
        rows = connection.exec_driver_sql(
            "SELECT client_order_id, body FROM orders WHERE intent_id = ? ORDER BY client_order_id", (intent,)
        ).all()
        for name, body in rows:
            outcomes.append(replace(read(body, OrderOutcome), fees=_fees(connection, name)))
    return found


def _fees(connection: Connection, client_order_id: str) -> dict[str, str]:
    total: dict[str, Decimal] = {}
    for asset, amount in connection.exec_driver_sql(
        "SELECT asset, amount FROM fees WHERE client_order_id = ?", (client_order_id,)
    ):
        total[asset] = total.get(asset, Decimal(0)) + Decimal(amount)
    return {asset: f"{amount:f}" for asset, amount in total.items()}
