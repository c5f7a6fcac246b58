"""Which table each record goes to, and as what; the way back is beside each."""

from core.execution.journal import account_rows, order_rows, plan_rows
from core.execution.journal.cells import Encoded
from core.execution.journal.records import Record

_ENCODERS = {**order_rows.ENCODERS, **account_rows.ENCODERS, **plan_rows.ENCODERS}


def to_row(record: Record) -> Encoded:
    """Table and values of a record, without its book. Raises TypeError for what is never journalled (`Sent`)."""
    encode = _ENCODERS.get(type(record))
    if encode is None:
        raise TypeError(f"not a journal record: {record}")
    return encode(record)
