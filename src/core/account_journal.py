"""The journal of an account at a venue, with the lease that goes with it."""

from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.lease import SKEW_S, LeaseTerms
from core.runtime.watchdog import Proof
from core.settings.tree import Settings
from core.venues.adapter import VenueAdapter


def journal_of(settings: Settings, adapter: VenueAdapter, account: str, proof: Proof | None = None) -> Journal:
    """Touches nothing yet. `account` is what `core.single_writer.account_name` says; `proof`: for a watchdog."""
    return Journal(
        JournalIdentity(settings.trading.mode, settings.venue.name, account),
        data_dir=settings.storage.data_dir,
        url=settings.storage.journal_url,
        terms=LeaseTerms(settings.storage.lease_s, _longest_request_s(settings, adapter) + SKEW_S),
        fence=adapter.fence,
        proof=proof,
    )


def _longest_request_s(settings: Settings, adapter: VenueAdapter) -> float:
    """How long a request may take to reach the venue."""
    window_ms = adapter.rest.capabilities.request_window_ms
    if window_ms is None:
        return settings.venue.request_timeout_s
    return window_ms / 1_000 / adapter.clock.speed
