"""What the venue does wrong in the meantime: faults for one account, drawn, armed over the admin port."""

import json
import urllib.error
import urllib.request
from random import Random
from typing import Any

ORDERS = "POST */order"

# Delays in venue ms, durations in venue s: a venue that is 60 times as fast has 60 of them in a second.
_FAULTS: tuple[tuple[int, dict[str, Any]], ...] = (
    (5, {"kind": "lose_answer", "how": "reset", "hits": 3, "probability": 0.5}),
    (5, {"kind": "lose_answer", "how": "unknown", "hits": 3, "probability": 0.5}),
    (3, {"kind": "lose_answer", "how": "gateway_timeout", "hits": 3, "probability": 0.5}),
    (3, {"kind": "lose_answer", "how": "hang", "hits": 2, "probability": 0.5, "hang_ms": 18_000}),
    (1, {"kind": "lose_answer", "how": "reset", "route": "DELETE */order", "hits": 2}),
    (2, {"kind": "lose_answer", "how": "reset", "route": "PUT */order*", "hits": 2}),
    (1, {"kind": "refuse", "answer": "bad_gateway", "route": "PUT */order*", "hits": 2}),
    (2, {"kind": "refuse", "answer": "overloaded", "route": ORDERS, "hits": 2, "probability": 0.5}),
    (2, {"kind": "refuse", "answer": "bad_gateway", "hits": 4, "probability": 0.2}),
    (2, {"kind": "bad_body", "how": "truncated", "hits": 3, "probability": 0.3}),
    (2, {"kind": "bad_body", "how": "empty", "hits": 3, "probability": 0.3}),
    (2, {"kind": "late_answer", "delay_ms": 6_000, "jitter_ms": 12_000, "route": ORDERS}),
    (2, {"kind": "late_answer", "delay_ms": 5_000, "jitter_ms": 4_000, "where": "request", "route": ORDERS}),
    (2, {"kind": "replica_lag", "lag_ms": 3_000}),
    (2, {"kind": "late_events", "delay_ms": 6_000, "jitter_ms": 20_000}),
    (2, {"kind": "duplicate_events", "times": 2, "after_ms": 3_000}),
    (2, {"kind": "reorder_events", "window_ms": 3_000}),
    (2, {"kind": "lose_events", "probability": 0.7}),
    (1, {"kind": "repeat_events", "last": 10}),
    (1, {"kind": "cut", "how": "reset", "for_s": 0}),
    (1, {"kind": "expire_stream", "for_s": 0}),
    (2, {"kind": "cancel_race", "fill": 1.0, "probability": 0.5}),
)


def draw(rng: Random, account: str) -> list[dict[str, Any]]:
    """For half of the lives none, for the others one or two."""
    weights = [weight for weight, _ in _FAULTS]
    n = rng.choice((0, 0, 1, 1, 2))
    faults = [fault for _, fault in rng.choices(_FAULTS, weights, k=n)]
    return [
        {"for_s": rng.randint(30, 240), "seed": rng.getrandbits(31)} | fault | {"account": account} for fault in faults
    ]


def arm(admin_url: str, fault: dict[str, Any]) -> dict[str, int | None] | None:
    """From when to when (venue ms) it works; `None` where one of its group is at work already."""
    request = urllib.request.Request(f"{admin_url}/faults", json.dumps(fault).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            state = json.load(answer)
            return {"from_ms": state["began_ms"], "until_ms": state["ends_ms"]}
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return None
        raise RuntimeError(f"{fault}: {error.read().decode()}") from error


def clear(admin_url: str) -> None:
    """End all faults of the venue."""
    urllib.request.urlopen(urllib.request.Request(f"{admin_url}/faults", method="DELETE"), timeout=10).close()
