"""Listen keys: who holds an account's key hears its private events.

An account has one key at a time. It lives an hour of real time after its last use, whatever the clock's speed, because
clients keep it alive by their own clocks; it survives a restart of the venue.
"""

from collections.abc import Callable

import msgspec

from core.simulation.server.errors import ApiError


class _Key(msgspec.Struct):
    text: str
    expires_s: float


_keys = msgspec.json.Decoder(dict[str, _Key])


class ListenKeys:
    """`now_s`: UTC seconds of real time. `remember` gets what `recall` takes after a restart."""

    def __init__(
        self,
        *,
        now_s: Callable[[], float],
        lifetime_s: float,
        new_key: Callable[[], str],
        remember: Callable[[str], None],
    ) -> None:
        self._now_s = now_s
        self._lifetime_s = lifetime_s
        self._new_key = new_key
        self._remember = remember
        self._by_account: dict[str, _Key] = {}
        self._accounts: dict[str, str] = {}

    def recall(self, remembered: str) -> None:
        """Take up the keys of an earlier run."""
        self._by_account = _keys.decode(remembered)
        self._accounts = {key.text: account for account, key in self._by_account.items()}

    def open(self, account: str) -> str:
        """The account's key with a new lease; a new one if it has none."""
        key = self._valid(account)
        if key is None:
            key = self._by_account[account] = _Key(self._new_key(), 0.0)
            self._accounts[key.text] = account
        return self._lease(key)

    def keep(self, account: str) -> str:
        """Raises `ApiError` -1125 when the account has no key."""
        key = self._valid(account)
        if key is None:
            raise ApiError(-1125, "This listenKey does not exist.")
        return self._lease(key)

    def close(self, account: str) -> str | None:
        """Make the account's key worthless; the key, `None`: it had none."""
        key = self._by_account.pop(account, None)
        if key is None:
            return None
        del self._accounts[key.text]
        self._save()
        return key.text

    def account_of(self, text: str) -> str | None:
        """`None`: nobody's, or no longer."""
        account = self._accounts.get(text)
        return account if account is not None and self._valid(account) is not None else None

    def take_expired(self) -> list[tuple[str, str]]:
        """(account, key) of those that have expired since the last call."""
        now_s = self._now_s()
        gone = [(account, key.text) for account, key in self._by_account.items() if key.expires_s <= now_s]
        for account, _ in gone:
            self.close(account)
        return gone

    def _valid(self, account: str) -> _Key | None:
        key = self._by_account.get(account)
        return key if key is not None and key.expires_s > self._now_s() else None

    def _lease(self, key: _Key) -> str:
        key.expires_s = self._now_s() + self._lifetime_s
        self._save()
        return key.text

    def _save(self) -> None:
        self._remember(msgspec.json.encode(self._by_account).decode())
