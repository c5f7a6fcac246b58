"""The secrets in the settings."""

from urllib.parse import unquote, urlsplit

from core.settings.tree import Settings


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What no log line, message or answer may show."""
    venue = settings.venue
    given = (venue.api_key, venue.secret, venue.password, settings.api.token)
    found = [secret.get_secret_value() for secret in given if secret is not None]
    return (*found, *_password(settings.storage.journal_url))


def _password(url: str | None) -> tuple[str, ...]:
    """As it is written and as it is meant."""
    try:
        password = urlsplit(url or "").password
    except ValueError:  # no URL: said where it is opened
        return ()
    return () if not password else (password, unquote(password))
