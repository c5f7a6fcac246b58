"""The table: what venues do wrong, how it is provoked, by what it shows in the daemon, and what the daemon does.

Numbers are those of the rows in `docs/reliability.md`. Faults are entries for the venue's admin port
(docs/simulation.md); delays are venue ms, 60 of which pass in a real one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.chaos.judge import Json
from tests.faults.stage import BLIND, Stage
from tests.faults.watch import Watch

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
_STRUCK = "ETH/USDT"
"""What is halted, delisted, or has other rules."""
_ORDERS = "POST */order"
_PRIVATE = "/ws-api/*"


@dataclass(frozen=True, slots=True)
class Episode:
    """One way to provoke it."""

    name: str
    faults: tuple[Json, ...]
    """Armed together, at once, and ended one after the other once `shows`."""
    shows: Callable[[Watch], bool]
    """Whether it hit, and the daemon shows that."""
    mood: str = "pulse"
    """Of the strategy while it lasts: `stopped` where stops must be reached."""
    last: tuple[Json, ...] = ()
    """Armed when the others have ended: what cures nothing by itself."""
    act: Callable[[Stage], None] | None = None
    """What a person does while it lasts."""
    again: Callable[[Watch], bool] | None = None
    """What shows after its end, before the strategy comes to rest."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    number: int
    name: str
    does: str
    """What the daemon does about it, for the table."""
    episodes: tuple[Episode, ...] = field(default=())
    """Some are staged otherwise (`tests.faults.staged`)."""


def _hit(*kinds: str, n: int = 1) -> Callable[[Watch], bool]:
    return lambda watch: watch.hits(*kinds) >= n


def _lost(reason: str) -> Callable[[Watch], bool]:
    """Both kinds of connection were given up for that reason, and stand again."""
    return lambda watch: all(
        watch.said(f"{stream}_lost", reason=reason) and watch.said(f"{stream}_back")
        for stream in ("stream", "user_stream")
    )


def _shut_down(watch: Watch) -> bool:
    """The private stream leaves when it is told to; the market's stays until it is closed."""
    return watch.said("user_stream_lost", reason="serverShutdown") and watch.said("user_stream_back")


def _in_doubt(watch: Watch) -> bool:
    return watch.hits() > 0 and watch.found_again()


def _absent(watch: Watch) -> bool:
    return watch.hits() > 0 and (watch.became("absent") or watch.became("rejected"))


def _losing(how: str) -> Episode:
    """With the private events, which would tell otherwise."""
    return Episode(how, ({"kind": "lose_events"}, {"kind": "lose_answer", "how": how, "hits": 2}), _in_doubt)


def _refusing(answer: str) -> Episode:
    return Episode(f"refused: {answer}", ({"kind": "refuse", "answer": answer, "route": _ORDERS, "hits": 2},), _absent)


def _body(how: str, shows: Callable[[Watch], bool], **more: object) -> Episode:
    return Episode(how, ({"kind": "bad_body", "how": how, "probability": 0.5, **more},), shows)


def _broken_answer(how: str, **more: object) -> Episode:
    """To an order, of which the private stream does not tell either."""
    body = {"kind": "bad_body", "how": how, "probability": 0.5, "route": _ORDERS, **more}
    return Episode(f"{how}, to an order", ({"kind": "lose_events"}, body), _in_doubt)


def traded_again(watch: Watch) -> bool:
    return watch.became("filled", symbol=_STRUCK)


def keeps_to_new_steps(watch: Watch) -> bool:
    """What the daemon was told is what it orders by."""
    changes = [line for line in watch.lines("instrument_changed") if line["symbol"] == _STRUCK and "lot_size" in line]
    name = _STRUCK.replace("/", "")
    filled = [order for order in watch.new_orders(name) if order["status"] == "FILLED" and order["type"] == "LIMIT"]
    if not changes or not filled:
        return False
    step = Decimal(changes[0]["lot_size"].rpartition(" ")[2])
    return step == watch.stage.rules()[name].step and Decimal(filled[-1]["origQty"]) % step == 0


def _post_only(stage: Stage) -> None:
    """By hand, well below the market: as the venue is, it would rest."""
    symbol = SYMBOLS[0]
    (line,) = [each for each in stage.bot.api("/api/v1/symbols") if each["symbol"] == symbol]
    price = str(int(float(line["last_price"]) * 0.98))
    ticket = {"ticket_id": "maker", "symbol": symbol, "side": "buy", "order_type": "limit", "quantity": "0.01"}
    stage.bot.post("/api/v1/orders", {**ticket, "price": price, "post_only": True, "reason": "a test", "by": "me"})


def _paid_in_both(watch: Watch) -> bool:
    return watch.said("fill", fee="BNB") and watch.said("fill", side="buy", fee="BTC")


BEHAVIOURS = (
    Behaviour(
        1,
        "half-open connections",
        "gives a connection up that is silent for `venue.stale_stream_s`, dials anew, subscribes, reconciles",
        (
            Episode("silent", ({"kind": "half_open"},), _lost("CONNECTION_SILENT")),
            Episode("deaf, too", ({"kind": "half_open", "deaf": True},), _lost("CONNECTION_SILENT")),
        ),
    ),
    Behaviour(
        2,
        "one stream mute, pings answered",
        "notices by each feed's own age; subscribes again, then has REST stand in: every close is decided",
        (
            Episode(
                "candles of all symbols",
                ({"kind": "mute", "stream": "*@kline_*"},),
                lambda watch: watch.said("feed", channel="candles", now="mute") and watch.why("SIGNAL_"),
            ),
            Episode(
                "quotes of all symbols",
                ({"kind": "mute", "stream": "*@bookTicker"},),
                lambda watch: watch.said("feed", channel="quotes", now="mute"),
            ),
        ),
    ),
    Behaviour(
        3,
        "connections cut: reset, closed, `serverShutdown`",
        "dials again, subscribes, reconciles; fetches by REST what was missed",
        (
            Episode("reset", ({"kind": "cut"},), _lost("CONNECTION_CLOSED code=1006")),
            Episode("going away", ({"kind": "cut", "how": "close"},), _lost("CONNECTION_CLOSED code=1001")),
            Episode("policy", ({"kind": "cut", "how": "close", "code": 1008},), _lost("CONNECTION_CLOSED code=1008")),
            Episode("serverShutdown", ({"kind": "server_shutdown", "for_s": 60},), _shut_down),
            Episode(
                "handshakes refused",
                ({"kind": "refuse_handshake"}, {"kind": "cut"}),
                lambda watch: watch.hits("refuse_handshake") >= 2 and watch.said("user_stream_lost"),
            ),
        ),
    ),
    Behaviour(
        4,
        "private events of a gap are lost",
        "reconciles after each subscription, and every `execution.reconcile_s`: missed fills are booked from REST",
        (
            Episode(
                "lost, then cut",
                ({"kind": "lose_events"},),
                _hit("lose_events", n=3),
                mood="stopped",
                last=({"kind": "cut", "route": _PRIVATE},),
            ),
            Episode(
                "lost, and nobody notices",
                ({"kind": "lose_events"},),
                lambda watch: watch.hits("lose_events") > 0 and watch.said("correction"),
                mood="stopped",
            ),
        ),
    ),
    Behaviour(
        5,
        "the private stream is ended by the venue",
        "leaves the connection, subscribes on a new one, reconciles",
        (
            Episode(
                "eventStreamTerminated",
                ({"kind": "expire_stream"},),
                lambda watch: (
                    watch.said("user_stream_lost", reason="eventStreamTerminated") and watch.said("user_stream_back")
                ),
            ),
        ),
    ),
    Behaviour(
        6,
        "REST behind the stream, the stream behind REST",
        "`-2013` of a young order proves nothing: asks on until the replica must have it; late events change nothing",
        (
            Episode(
                "replica lag",
                (
                    {"kind": "replica_lag", "lag_ms": 4_500},
                    {"kind": "lose_events"},
                    {"kind": "lose_answer", "how": "reset", "probability": 0.5},
                ),
                lambda watch: watch.hits("replica_lag", "lose_answer") > 0 and watch.found_again(),
            ),
            Episode(
                "late events",
                ({"kind": "late_events", "delay_ms": 30_000, "jitter_ms": 30_000},),
                _hit("late_events", n=6),
                mood="stopped",
            ),
        ),
    ),
    Behaviour(
        7,
        "taken, and the answer lost; or never taken",
        "holds the order for UNKNOWN, asks by its id, sends nothing again; no entry in the symbol before it is known",
        (
            *map(_losing, ("hang", "reset", "unknown")),
            *map(_refusing, ("overloaded", "bad_gateway", "weight")),
        ),
    ),
    Behaviour(8, "`Duplicate order sent.` for an order that stands", "asks by its id, and finds it"),
    Behaviour(
        9,
        "504 after an order was taken, at which client libraries send it again",
        "sends nothing again, and has no library do so: each id reaches the venue once",
        (_losing("gateway_timeout"),),
    ),
    Behaviour(
        10,
        "an order trades while it is cancelled",
        "`-2011` means: ask. Books the fill, sells nothing that is not there any more",
        (
            Episode(
                "a stop is triggered",
                ({"kind": "cancel_race", "hits": 3},),
                lambda watch: watch.hits("cancel_race") > 0 and watch.became("filled", purpose="protect"),
            ),
        ),
    ),
    Behaviour(
        11,
        "private events told twice",
        "books a trade once, by its id; the state machine has a row for every repetition",
        (
            Episode(
                "twice, and later again",
                ({"kind": "duplicate_events", "times": 2, "after_ms": 60_000},),
                _hit("duplicate_events", n=6),
            ),
            Episode(
                "again after a reconnection",
                ({"kind": "repeat_events", "last": 20},),
                _hit("repeat_events", n=6),
                last=({"kind": "cut", "route": _PRIVATE},),
            ),
        ),
    ),
    Behaviour(
        12,
        "private events out of order, and before their answer",
        "takes each for what it says: a fill counts in any state, an older picture never undoes a newer one",
        (
            Episode(
                "reordered",
                ({"kind": "reorder_events", "window_ms": 5_000, "order": "reversed"},),
                lambda watch: watch.hits("reorder_events") >= 6 and watch.became("filled", was="submitting"),
            ),
            Episode(
                "the answer last",
                ({"kind": "late_answer", "delay_ms": 10_000, "route": _ORDERS},),
                _hit("late_answer", n=6),
            ),
        ),
    ),
    Behaviour(
        13,
        "gaps in the book, old snapshots, crossed quotes",
        "drops a book with a gap and fetches it anew, until it fits; prices nothing by crossed quotes",
        (
            Episode(
                "gap",
                ({"kind": "depth_gap", "hits": 3},),
                lambda watch: watch.hits("depth_gap") > 0 and watch.said("feed", channel="book", now="gapped"),
            ),
            Episode(
                "gap and old snapshots",
                ({"kind": "old_snapshot", "updates_back": 500}, {"kind": "depth_gap", "hits": 3}),
                lambda watch: watch.hits("depth_gap", "old_snapshot") > 0,
            ),
            Episode(
                "crossed", ({"kind": "crossed_book"},), lambda watch: watch.hits() > 0 and watch.why("QUOTE_INVALID")
            ),
        ),
    ),
    Behaviour(
        14,
        "candles that are missing, late, early or revised",
        "fetches a close that does not come within 1.5 s, decides each close once, has REST correct what it holds",
        (
            Episode(
                "closes missing",
                ({"kind": "missing_candles", "closing_only": True},),
                lambda watch: watch.hits("missing_candles") >= 6 and watch.why("SIGNAL_"),
            ),
            Episode("closes late", ({"kind": "late_close", "delay_ms": 40_000},), _hit("late_close", n=6)),
            Episode("closes revised", ({"kind": "revise_close"},), _hit("revise_close", n=6)),
            Episode(
                "history revised",
                ({"kind": "revise_candles"}, {"kind": "missing_candles", "closing_only": True}),
                _hit("revise_candles", n=3),
            ),
            Episode("too early", ({"kind": "early_candle"},), _hit("early_candle", n=3)),
        ),
    ),
    Behaviour(
        15,
        "the venue's clock jumps",
        "learns the new time by itself, at once where a stamp was refused (`-1021`), and goes on by it",
        (
            Episode(
                "ahead",
                ({"kind": "clock_error", "offset_ms": 300_000},),
                lambda watch: watch.said("venue_clock_stepped"),
            ),
            Episode(
                "behind",
                ({"kind": "clock_error", "offset_ms": -300_000},),
                lambda watch: watch.said("venue_clock_stepped"),
            ),
        ),
    ),
    Behaviour(
        16,
        "429, then 418",
        "stays away for as long as `Retry-After` says; what is in doubt meanwhile is asked after later",
        (
            Episode(
                "too much weight",
                ({"kind": "squeeze_limits", "weight": 5},),
                lambda watch: watch.said("fetch_failed", error="429") or watch.heard("-1003"),
            ),
            Episode(
                "banned",
                ({"kind": "ban", "for_s": 600}, {"kind": "cut"}),
                lambda watch: watch.said("user_stream_lost") and watch.heard("banned"),
            ),
        ),
    ),
    Behaviour(
        17,
        "maintenance",
        "goes on without entries, with a reason at every close; a start waits, it does not end",
        (
            *(
                Episode(
                    how,
                    ({"kind": "maintenance", "how": how},),
                    lambda watch: watch.said("user_stream_lost") and watch.why(*BLIND),
                )
                for how in ("maintenance", "bad_gateway", "unavailable", "refused")
            ),
            Episode(
                "market closed",
                ({"kind": "maintenance", "for_s": 7_200, "closed_for": 0.975},),
                lambda watch: watch.heard("Market is closed"),
            ),
        ),
    ),
    Behaviour(
        18,
        "a symbol is halted or taken off the list",
        "looks at the venue's list, orders nothing in it and says why; takes it up again when it trades",
        (
            *(
                Episode(
                    status,
                    ({"kind": "halt", "symbol": "ETHUSDT", "status": status},),
                    lambda watch, reason=reason: watch.why(reason),
                    again=traded_again,
                )
                for status, reason in (
                    ("CANCEL_ONLY", "INSTRUMENT_HALTED"),
                    ("BREAK", "INSTRUMENT_HALTED"),
                    ("ABSENT", "INSTRUMENT_DELISTED"),
                )
            ),
            Episode(
                "delisted by steps",
                ({"kind": "delist", "symbol": "ETHUSDT", "for_s": 600},),
                lambda watch: watch.why("INSTRUMENT_"),
                again=traded_again,
            ),
        ),
    ),
    Behaviour(
        19,
        "other steps and minima from one moment to the next",
        "loses nothing by a refusal, looks at the venue's list, and orders by the new rules",
        (
            Episode(
                "ten times as coarse",
                ({"kind": "change_filters", "symbol": "ETHUSDT"},),
                keeps_to_new_steps,
                again=traded_again,
            ),
        ),
    ),
    Behaviour(
        20,
        "fees in the base asset, or in a third one while it lasts; dust",
        "books each fee in its asset, sells what is really there, shows what is too little as dust",
        (Episode("BNB, then the base", ({"kind": "pay_fees_in", "amount": "0.002"},), _paid_in_both),),
    ),
    Behaviour(
        21,
        "the stop would trigger at once, the maker would take",
        "sells at market what can't be protected; the maker is refused, by the venue's word",
        (
            Episode(
                "would trigger",
                ({"kind": "refuse", "answer": "would_trigger"},),
                lambda watch: watch.became("filled", purpose="protect", type="market"),
                mood="pulse",
            ),
            Episode(
                "would take",
                ({"kind": "refuse", "answer": "would_take"},),
                lambda watch: watch.hits() > 0 and watch.became("rejected", reason="immediately match and take"),
                mood="hold",
                act=_post_only,
            ),
        ),
    ),
    Behaviour(
        22,
        "slow, cut, packed, empty and broken bodies",
        "reads what is whole, however it comes; takes the rest for no answer at all, never for an empty list",
        (
            _body("fragmented", _hit("bad_body", n=10)),
            _body("gzip", _hit("bad_body", n=10)),
            _body("huge", _hit("bad_body", n=3)),
            _broken_answer("slow", slow_ms=120_000),
            *map(_broken_answer, ("gzip_truncated", "empty", "truncated")),
            _body("truncated", _hit("bad_body", n=5), route="GET *"),
            _body("empty", _hit("bad_body", n=5), route="GET *"),
        ),
    ),
)
