"""The secrets in the settings."""

import re
from urllib.parse import unquote, urlsplit

from core.settings.tree import Settings

_PIECES = re.compile(r"[/:@?&=]+")
_TOKEN = 12
"""Shorter words may be innocent."""


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What no log line, message or answer may show."""
    venue = settings.venue
    given = (venue.api_key, venue.secret, venue.password, settings.api.token)
    found = [secret.get_secret_value() for secret in given if secret is not None]
    return (*found, *_password(settings.storage.journal_url), *_of_messengers(settings))


def _of_messengers(settings: Settings) -> tuple[str, ...]:
    """The URLs that messages go to, and what in them may be a token: in a library's error it stands alone."""
    urls = settings.notify.each_url()
    pieces = {piece for url in urls for piece in _PIECES.split(url) if len(piece) >= _TOKEN and "." not in piece}
    return (*urls, *sorted(pieces))


def _password(url: str | None) -> tuple[str, ...]:
    """As it is written and as it is meant."""
    try:
        password = urlsplit(url or "").password
    except ValueError:  # no URL: said where it is opened
        return ()
    return () if not password else (password, unquote(password))
