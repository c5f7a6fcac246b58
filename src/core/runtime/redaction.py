"""Keeps secrets out of the log: by the name of the key, by known value, and by shape in URLs."""

import json
import re
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

MASK = "***"
SHORTEST_SECRET = 6
"""Shorter ones would blot out innocent text."""

_SECRET_KEY = re.compile(
    r"(?i)secret|passw(or)?d|passphrase|api_?key|private_?key|signature|authorization|token|cookie"
)
_NAMES = r"signature|X-MBX-APIKEY|api_?key|listenKey|token|secret|password|passphrase"
_IN_URL = re.compile(rf"(?i)\b((?:{_NAMES})=)[^&\s\"'\\]+")
_IN_JSON = re.compile(rf"(?i)((?:{_NAMES})\\*[\"']\s*:\s*\\*[\"'])[^\"'\\]+")
"""In Python's words for a dict, too, and escaped within a string."""
_IN_USERINFO = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@")


class Redactor:
    """`mask_keys` works on the fields of an event, `mask_text` on the finished line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: re.Pattern[str] | None = None
        self._secrets: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Mask this value too, as it is and as it looks in JSON and in a URL."""
        if len(secret) < SHORTEST_SECRET:
            return
        self._secrets |= {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(known) for known in longest_first))

    def mask_keys(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str | bytes) and value and _SECRET_KEY.search(key):
                event[key] = MASK
            elif isinstance(value, dict):
                event[key] = self.mask_keys(dict(value))
        return event

    def mask_text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _IN_JSON.sub(rf"\1{MASK}", _IN_URL.sub(rf"\1{MASK}", text))
        return _IN_USERINFO.sub(rf"\1{MASK}@", text)


PROCESS = Redactor()
"""What this process may show to nobody: its error output and what it keeps of a venue's words are masked by it."""
