"""The one place that knows apprise: a service of its behind a blocking `send`."""

import logging
import warnings
from typing import Any, Protocol

from core.domain.errors import NotifyError, SettingsError
from core.domain.notices import NoticeLevel
from core.notify.delivery import Message
from core.runtime.redaction import PROCESS

_LONGEST_BODY = 3_000
"""Characters; some services refuse more than 4,096."""
_KIND = {
    NoticeLevel.DEBUG: "info",
    NoticeLevel.INFO: "info",
    NoticeLevel.WARNING: "warning",
    NoticeLevel.CRITICAL: "failure",
}


class Service(Protocol):
    name: str
    """Without its secrets."""

    def send(self, message: Message) -> None:
        """Blocks. Raises `NotifyError`."""
        ...


class AppriseService:
    def __init__(self, url: str, number: int) -> None:
        """`number` of the URL among those given, from 1. Raises `SettingsError` where apprise is absent or does not
        know the URL, of which nothing but its kind is said."""
        try:
            import apprise  # noqa: PLC0415 - an extra: only who sends messages needs it
        except ImportError:
            raise SettingsError(
                "notify.urls: messages need apprise, which is not installed: pip install 'metronome[notify]', or leave "
                "notify.urls empty."
            ) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its words have tokens in them; ours say enough
        self._apprise: Any = apprise.Apprise()
        kind = url.partition("://")[0] if "://" in url else ""
        shown = kind if kind.isalnum() else "no kind"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its plug-ins, which are read now
            is_known = self._apprise.add(url)
        if not is_known:
            raise SettingsError(
                f"notify.urls: number {number} ({shown}://…) is no URL that apprise knows, or lacks a part. "
                "`apprise --details` lists what there is."
            )
        self.name = f"{number} {shown}"

    def send(self, message: Message) -> None:
        title, body = _shown(message)
        try:
            done = self._apprise.notify(title=title, body=body, notify_type=_KIND[message.level], body_format="text")
        except Exception as error:  # the boundary of somebody else's code, whose words may have our tokens in them
            raise NotifyError(f"{self.name}: {type(error).__name__}") from None
        if not done:
            raise NotifyError(f"{self.name}: the service did not take it")


def _shown(message: Message) -> tuple[str, str]:
    """Title and body; services refuse an empty body."""
    title, body = _plain(message.title), "\n".join(map(_plain, message.body.splitlines()))
    if not body:
        return "metronome", title
    return title, body if len(body) <= _LONGEST_BODY else f"{body[: _LONGEST_BODY - 1]}…"


def _plain(line: str) -> str:
    """One line that steers nothing and gives nothing away."""
    return PROCESS.mask_text("".join(each if each.isprintable() else " " for each in line))
