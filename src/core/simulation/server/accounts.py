"""Whose key is whose: API keys with their secrets. An API key is the name of its account everywhere in the venue."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.simulation.server import errors

KEY_FORMAT = re.compile(r"^[A-Za-z0-9_-]{1,128}$")
DEFAULT_KEY = "paper"
DEFAULT_SECRET = "paper"  # noqa: S105 - the well-known pair of a venue that holds no real money


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do, as `apiRestrictions` shows it."""

    reading: bool = True
    trading: bool = True
    withdrawals: bool = False
    ip_restricted: bool = False
    """Shown only: every address is taken."""


class AccountRegistry:
    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._rights: dict[str, KeyRights] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __contains__(self, account: str) -> bool:
        return account in self._secrets

    def register(self, account: str, secret: str) -> None:
        self._secrets[account] = secret

    def account(self, api_key: str | None) -> str:
        """Raises `ApiError` -2014 for a malformed or missing key and -2015 for one that nobody registered."""
        if api_key is None or not KEY_FORMAT.match(api_key):
            raise errors.api_key_format()
        if api_key not in self._secrets:
            raise errors.unknown_api_key()
        return api_key

    def secret(self, account: str) -> str:
        """Of an account that exists."""
        return self._secrets[account]

    def rights(self, account: str) -> KeyRights:
        return self._rights.get(account, KeyRights())

    def give_rights(self, account: str, rights: KeyRights) -> None:
        """Until the venue's process ends."""
        self._rights[account] = rights
