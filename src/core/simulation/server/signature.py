"""Who asks: HMAC-SHA256 signatures and the time window of signed requests.

REST signs the query string followed by the body, exactly as sent and without the `signature` parameter; the WebSocket
API signs its parameters sorted by name and joined by `&` (Binance's request security pages).
"""

import hashlib
import hmac
from collections.abc import Mapping

from core.simulation.server import errors
from core.simulation.server.parameters import INTEGER, Parameters

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1_000
_FIRST_MICROSECOND = 10**14
"""Timestamps may be in ms or in µs; as ms this one is the year 5138."""


def sign(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def form_payload(query: str, body: str) -> str:
    """What a REST client signed."""
    return _without_signature(query) + _without_signature(body)


def sorted_payload(params: Mapping[str, str]) -> str:
    """What a WebSocket API client signed."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def verify(secret: str, payload: str, signature: str) -> None:
    """Raises `ApiError` -1022 unless `signature` (hex, any case) is the one of `payload`."""
    if not hmac.compare_digest(sign(secret, payload).encode(), signature.lower().encode()):
        raise errors.invalid_signature()


def check_window(params: Parameters, now_ms: int) -> None:
    """Raises `ApiError` -1021 for a request from the future or older than its `recvWindow`."""
    timestamp = int(params.required("timestamp", INTEGER))
    if timestamp >= _FIRST_MICROSECOND:
        timestamp //= 1_000
    window_ms = params.amount("recvWindow", decimals=3)
    if window_ms is not None and window_ms > MAX_WINDOW_MS:
        raise errors.ApiError(-1131, f"recvWindow must be less than {MAX_WINDOW_MS}.")
    if timestamp >= now_ms + AHEAD_MS:
        raise errors.ahead_of_server()
    if now_ms - timestamp > (DEFAULT_WINDOW_MS if window_ms is None else window_ms):
        raise errors.outside_window()


def _without_signature(form: str) -> str:
    if "signature=" not in form:
        return form
    return "&".join(pair for pair in form.split("&") if not pair.startswith("signature="))
