"""Who may do what: tokens with scopes, of which only hashes are kept.

A token is 256 random bits, so one round of SHA-256 hides it: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import msgspec

from core.domain.errors import SettingsError
from core.runtime.durable_files import write_durably

LOCAL = "local"
"""The name of the token that each start writes for the commands of this machine."""
SETTINGS = "settings"
"""The name of the one in the settings."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
_LOOK_AGAIN_S = 1.0


class Scope(IntEnum):
    """Each may what the ones before it may."""

    READ = 1
    TRADE = 2
    """Halts, resumes, orders, closes."""
    ADMIN = 3
    """Reloads settings, runs benchmarks, forgets measurements."""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    scope: Scope
    sha256: str
    created_ms: int
    """UTC."""


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class TokenFile:
    """`tokens.json` in the data folder, mode 0600; read by the process that serves, written by `live_bot.py token`."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "tokens.json"

    def read(self) -> tuple[Token, ...]:
        """Empty where there is no file. Raises `SettingsError` for one that is damaged."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=tuple[Token, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise SettingsError(
                f"{self.path}: can't be read: {error}. Mend it, or remove it and make new ones."
            ) from None

    def add(self, name: str, scope: Scope) -> str:
        """The new token, which is not to be had again. Raises `SettingsError` for a name that is taken or none."""
        if not _NAME.fullmatch(name) or name in (LOCAL, SETTINGS):
            raise SettingsError(f"token name {name!r}: 1 to 40 letters, digits, and any of . _ -; not {LOCAL!r}")
        known = self.read()
        if any(each.name == name for each in known):
            raise SettingsError(f"there is a token {name!r} already; `live_bot.py token revoke {name}` removes it")
        made = secrets.token_urlsafe(32)
        self._write([*known, Token(name, scope, hash_of(made), time.time_ns() // 1_000_000)])
        return made

    def revoke(self, name: str) -> None:
        """Raises `SettingsError` where there is none of that name."""
        known = self.read()
        if all(each.name != name for each in known):
            names = ", ".join(each.name for each in known) or "none"
            raise SettingsError(f"there is no token {name!r}; there are: {names}")
        self._write([each for each in known if each.name != name])

    def _write(self, tokens: Sequence[Token]) -> None:
        content = msgspec.json.format(msgspec.json.encode(tokens), indent=2) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(self.path, content, mode=0o600)
        except OSError as error:
            raise SettingsError(f"{self.path}: can't be written: {error.strerror or error}") from None


class Tokens:
    """Those of the file and `fixed` ones. A file that has changed counts within a second; a damaged one lets nobody
    in that it names."""

    def __init__(self, fixed: Iterable[Token], file: TokenFile) -> None:
        self._fixed = tuple(fixed)
        self._file = file
        self._known = self._fixed
        self._looked_s = 0.0
        self._seen: tuple[int, int] | None = None

    def find(self, credentials: str) -> Token | None:
        """Whose these are; `None`: nobody's. Takes the same time wherever they differ."""
        self._look()
        given = hash_of(credentials)
        found = None
        for each in self._known:
            if hmac.compare_digest(given, each.sha256):
                found = each
        return found

    def _look(self) -> None:
        now_s = time.monotonic()
        if self._looked_s and now_s - self._looked_s < _LOOK_AGAIN_S:
            return
        self._looked_s = now_s
        try:
            found = self._file.path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            seen = None
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._known = (*self._fixed, *self._file.read())
        except SettingsError:
            self._known = self._fixed
