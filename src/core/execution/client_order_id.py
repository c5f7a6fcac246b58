"""Client order ids: derived from the intent and the order's role in it, so that they can be re-computed and never
repeat."""

import base64
import hashlib
import re

from core.domain.orders import ClientOrderId, IntentId

_PREFIX = "mtn-"
_DIGEST_CHARS = 26
_OURS = re.compile(rf"{_PREFIX}[a-z2-7]{{{_DIGEST_CHARS}}}")


def client_order_id(intent_id: IntentId, role: str) -> ClientOrderId:
    """30 characters of `[a-z0-9-]`: a prefix, and 130 bits of SHA-256 over intent and role.

    `role` names the order within its intent: `leg-0`, `stop-1`, `close-2`. The journal refuses an id that it has seen.
    """
    digest = hashlib.sha256(f"{intent_id}\n{role}".encode()).digest()
    return ClientOrderId(_PREFIX + base64.b32encode(digest).decode().lower()[:_DIGEST_CHARS])


def is_ours(text: str | None) -> bool:
    """Whether an id has the shape of ours; only the journal knows whether we sent it."""
    return text is not None and _OURS.fullmatch(text) is not None
