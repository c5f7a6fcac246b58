"""One daemon trades one account: what the account is called, and a second daemon turned away before it does harm.

What counts is the lease that the journal takes before anything is sent. This look comes before that, so that a second
daemon touches neither the first one's log and API nor its venue.
"""

import hashlib

from core.domain.errors import JournalError, LeaseHeld
from core.domain.instruments import InstrumentKind
from core.embedded_venue import embedded_keys, starts_its_venue
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.storage import Storage
from core.paper_venue import takes_anothers_market, without_keys
from core.settings.tree import Settings


def account_name(settings: Settings) -> str:
    """A digest of the account's key, which is no secret. Each kind of instrument is an account of its own at the venue,
    and has a journal of its own here."""
    key = _key(settings)
    if key is None:
        return "none"
    name = hashlib.sha256(key.encode()).hexdigest()[:8]
    kind = settings.trading.kind
    return name if kind is InstrumentKind.SPOT else f"{name}-{kind}"


def require_free_account(settings: Settings) -> None:
    """Blocks for one look into the journal. Raises `LeaseHeld` where a daemon is seen at work; whatever else is wrong
    with the journal is said when it is opened."""
    if settings.trading.mode == "observe":
        return
    identity = JournalIdentity(settings.trading.mode, settings.venue.name, account_name(settings))
    storage = Storage(
        identity, data_dir=settings.storage.data_dir, url=settings.storage.journal_url, now_iso=lambda: ""
    )
    try:
        storage.require_free()
    except LeaseHeld:
        raise
    except JournalError:
        return


def _key(settings: Settings) -> str | None:
    venue = settings.venue
    if takes_anothers_market(settings):
        return embedded_keys(without_keys(venue))[0]
    if starts_its_venue(venue):
        return embedded_keys(venue)[0]
    return None if venue.api_key is None else venue.api_key.get_secret_value()
