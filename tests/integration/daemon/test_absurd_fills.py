"""A venue that tells nonsense about trades: none of it is booked, none of what is true is lost, all of it is said."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from integration.daemon.agreement import assert_books_agree, rows
from integration.daemon.bot import Bot, Truth, bot
from integration.daemon.liar import Liar, Lie, Trade, lying, truth
from integration.daemon.test_live_mode import LIVE, SECRET
from integration.daemon.test_tickets import last_price, placed, ticket
from tests.venues import VenueProcess

pytestmark = [pytest.mark.processes, pytest.mark.slow]

NAMES = (f"ticket-{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def honest_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(
        tmp_path_factory.mktemp("honest"), symbols=("BTC/USDT", "ETH/USDT"), options=("--latency-ms", "0")
    )
    yield process
    process.stop()


def settings(venue: VenueProcess, liar: Liar, key: str) -> dict[str, str]:
    venue.admin("/accounts", {"key": key, "secret": SECRET})
    return {
        "VENUE__BASE_URL": liar.url,
        "VENUE__WS_BASE_URL": liar.ws_url,
        "VENUE__API_KEY": key,
        "VENUE__SECRET": SECRET,
        "EXECUTION__RECONCILE_S": "1",
    }


def saying(**changes: str) -> Lie:
    return lambda trade: [trade | changes]


def scaled(name: str, factor: str) -> Lie:
    return lambda trade: [trade | {name: f"{Decimal(trade[name]) * Decimal(factor):f}"}]


def fee_above_trade(trade: Trade) -> list[Trade]:
    return [trade | {"fee": f"{Decimal(trade['quantity']) * 2:f}"}]


def twice_with_other_contents(trade: Trade) -> list[Trade]:
    return [trade, trade | {"price": f"{Decimal(trade['price']) * Decimal('0.99'):f}"}]


LIES: dict[str, tuple[Lie, str]] = {
    "price 0": (saying(price="0.00"), "ABSURD_FILL"),
    "quantity 0": (saying(quantity="0.00"), "ABSURD_FILL"),
    "negative quantity": (scaled("quantity", "-1"), "user_frame_malformed"),
    "negative price": (scaled("price", "-1"), "user_frame_malformed"),
    "NaN": (saying(price="NaN"), "user_frame_malformed"),
    "Infinity": (saying(quantity="Infinity"), "user_frame_malformed"),
    "no number": (saying(price="a lot"), "user_frame_malformed"),
    "more than asked": (scaled("quantity", "1000"), "OVERFILL"),
    "far off": (scaled("price", "0.01"), "FAR_OFF_PRICE"),
    "a fee above the trade": (fee_above_trade, "FEE_ABOVE_TRADE"),
    "twice, differently": (twice_with_other_contents, "FILL_CONTRADICTED"),
}


def times_said(daemon: Bot, code: str) -> int:
    doubts = [line["doubt"].split()[0] for line in daemon.all("venue_not_believed")]
    return doubts.count(code) + len(daemon.all(code))


def test_nonsense_in_messages_is_said_not_booked_and_the_truth_is_fetched(
    tmp_path: Path, honest_venue: VenueProcess
) -> None:
    with lying(honest_venue) as liar:
        key = "key-of-the-misinformed"
        with bot(tmp_path, *LIVE, **settings(honest_venue, liar, key)) as daemon:
            daemon.mood = "hold"
            daemon.next("trading")
            daemon.until(lambda: last_price(daemon))
            for lie, code in LIES.values():
                liar.lie = lie
                told, said = liar.told, times_said(daemon, code)
                placed(daemon, ticket(next(NAMES), "market"))
                daemon.until(lambda before=told: liar.told >= before + 2)  # in the answer and in the stream
                liar.lie = truth
                wait_until_right(daemon, honest_venue, key)
                daemon.until(lambda before=said, what=code: times_said(daemon, what) > before)
            assert daemon.status()["risk_level"] == "NORMAL", "its history and its balances tell the truth"
            assert not daemon.all("balance_unexplained")


def test_a_history_that_says_what_can_not_be_halts_entries_until_it_tells_the_truth(
    tmp_path: Path, honest_venue: VenueProcess
) -> None:
    with lying(honest_venue) as liar:
        key = "key-of-the-deceived"
        with bot(tmp_path, *LIVE, **settings(honest_venue, liar, key)) as daemon:
            daemon.mood = "hold"
            daemon.next("trading")
            daemon.until(lambda: last_price(daemon))
            liar.in_history, liar.lie = True, scaled("quantity", "1000")
            placed(daemon, ticket(next(NAMES), "market"))
            refused = daemon.next("fill_refused")
            assert refused["reason"].startswith("OVERFILL of=0.01")
            daemon.until(lambda: daemon.status()["risk_level"] == "NO_ENTRY")
            status = daemon.status()
            assert status["risk_reason"].startswith("RECONCILIATION_BREAK")
            assert "OVERFILL" in status["risk_reason"]
            assert rows(tmp_path, "SELECT * FROM fills") == []
            status_code, answer = daemon.post("/api/v1/orders", ticket(next(NAMES), "market"))
            assert status_code == 409 and "NO_ENTRY" in answer["detail"], answer
            liar.lie = truth
            daemon.next("fill_refused_no_more")
            wait_until_right(daemon, honest_venue, key)
            answer = daemon.api("/api/v1/resume", {"reason": "they have mended it", "by": "me"})
            assert daemon.status()["risk_level"] == "NORMAL", answer
            placed(daemon, ticket(next(NAMES), "market"))
            wait_until_right(daemon, honest_venue, key)


def wait_until_right(daemon: Bot, venue: VenueProcess, key: str) -> None:
    """Every true trade is booked as it was, and nothing else."""

    def right() -> bool:
        ledger = Truth(venue.url).ledger(key)
        assert_books_agree(daemon.data_dir, ledger)
        booked = {
            (str(trade), Decimal(price), Decimal(quantity), Decimal(fee))
            for trade, price, quantity, fee in rows(
                daemon.data_dir, "SELECT trade_id, price, quantity, fee FROM fills WHERE is_ours"
            )
        }
        true = {
            (str(fill["id"]), Decimal(fill["price"]), Decimal(fill["qty"]), Decimal(fill["commission"]))
            for fill in ledger["fills"]
        }
        assert booked == true
        return True

    daemon.until(right)
