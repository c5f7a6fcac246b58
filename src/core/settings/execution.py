"""`[execution]`: how orders are sent, asked after and protected. All times real."""

from typing import Literal

from pydantic import Field

from core.settings.section import Section


class ExecutionSettings(Section):
    queue_size: int = Field(default=1_000, ge=1)
    """Approved intents that may wait; one more is refused with a reason."""
    max_in_flight: int = Field(default=64, ge=1)
    """Intents carried out at the same time; one instrument's are always one after the other."""
    order_deadline_s: float = Field(default=12.0, gt=0)
    """Total time of one call in the order lane, queueing included; above `venue.request_timeout_s`, so that the
    adapter's own deadline has ended the request before it is called unknown."""
    journal_deadline_s: float = Field(default=5.0, gt=0)
    """How long an intent waits for its durable commit before it is given up."""
    clear_stop_s: float = Field(default=15.0, gt=0)
    """How long an exit waits for the proven end of the stop that it replaces before it is given up."""
    enquiry_first_s: float = Field(default=0.25, gt=0)
    """Pause before an order in doubt is asked after again; doubles with every answer that settles nothing."""
    enquiry_max_s: float = Field(default=30.0, gt=0)
    reconcile_s: float = Field(default=60.0, gt=0)
    """Interval of the periodic reconciliation."""
    recovery_wait_s: float = Field(default=60.0, ge=0)
    """How long a start waits for unknown orders to be resolved; what is left blocks its instrument only."""
    settle_on_stop_s: float = Field(default=15.0, ge=0)
    """How long a stop waits for orders in flight; what is left is asked after at the next start."""
    dead_man_s: float | None = Field(default=120.0, ge=5.0, le=3_600.0)
    """Where the venue has a dead-man timer: how long after this daemon's last sign of life it cancels resting entries.
    Wound up three times as often. `None`: never."""
    retain_closed_orders: int = Field(default=500, ge=0)
    """Ended orders kept in memory; the journal has them all."""
    foreign_orders: Literal["ignore", "adopt", "cancel"] = "ignore"
    """What is done about orders on the account that are not of this daemon's making, in the symbols that it trades.
    `ignore`: shown, counted, left alone. `adopt`: taken over; what they trade is the bot's own position from then on.
    `cancel`: cancelled. In other symbols they are left alone, whatever this says."""
