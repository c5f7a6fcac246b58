"""Which counts are one: those of a venue's address, and those of an account there, each a file in a folder of the
user's own that all daemons of the machine find."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from core.venues.budget.budget import RateBudget
from core.venues.budget.ledger import Ledger, OwnLedger, SharedLedger
from core.venues.budget.toll import Tariff, Toll
from core.venues.budget.windows import RateLimit

Ledgers = Callable[[str], Ledger]
"""The ledger of that name."""


def own_ledgers(_: str) -> Ledger:
    """Nobody shares."""
    return OwnLedger()


def runtime_folder(variables: Mapping[str, str]) -> Path:
    """systemd's RUNTIME_DIRECTORY, else the user's runtime folder, else one in the system's temporary folder; none of
    them outlives a reboot, and neither do the counts."""
    if given := variables.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if given := variables.get("XDG_RUNTIME_DIR"):
        return Path(given) / "metronome"
    return Path(tempfile.gettempdir()) / f"metronome-{os.getuid()}"


def shared_ledgers(folder: Path) -> Ledgers:
    """Files in `folder`, which is made where it is missing. What can't be used, or is not ours alone, is done without:
    with a warning, and counts of our own."""

    def ledger(name: str) -> Ledger:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_ours(folder)
            return SharedLedger(folder / f"{name}.budget")
        except OSError as error:
            structlog.get_logger("budget").warning(
                "budget_not_shared",
                folder=str(folder),
                reason=error.strerror or str(error),
                hint="other daemons on this machine are not counted; set storage.runtime_dir to a folder of yours",
            )
            return OwnLedger()

    return ledger


def address_name(venue_url: str, market: str) -> str:
    """Of the counts of one address's requests there."""
    host = re.sub(r"^https?://", "", venue_url).rstrip("/")
    return re.sub(r"[^A-Za-z0-9.-]", "_", f"{host}-{market}")


def account_name(address: str, api_key: str | None) -> str:
    """Of the counts of an account's orders; the key is not to be read from it."""
    return f"{address}-{hashlib.sha256((api_key or '').encode()).hexdigest()[:12]}"


def _require_ours(folder: Path) -> None:
    """Raises `PermissionError` for a folder in which others could put files in our place."""
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(None, "it is another user's, or others may write to it")


def open_toll(
    tariff: Tariff,
    address_limits: Sequence[RateLimit],
    account_limits: Sequence[RateLimit],
    *,
    address: str,
    api_key: str | None,
    speed: Callable[[], float],
    ledgers: Ledgers,
) -> Toll:
    """`address` names what is counted together, as `address_name` makes it."""
    account = ledgers(account_name(address, api_key)) if account_limits and api_key else OwnLedger()
    return Toll(
        tariff,
        RateBudget(address_limits, ledgers(address), speed=speed),
        RateBudget(account_limits if api_key else (), account, speed=speed),
    )
