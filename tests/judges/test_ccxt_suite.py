"""ccxt's live tests of Binance, public and private, at the real addresses, answered by the proxy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.integration.venue.clients import ccxt_options
from tests.judges.ccxt_suite import make_tree, run_suite, verdicts
from tests.judges.floors import Floor
from tests.venues import VenueProcess

FLOOR = Path(__file__).with_name("ccxt_known_failures.toml")
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT")
LISTED = {"future": False, "option": False}
"""Markets that ccxt knows of the real venue and that the simulated one does not list."""


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[VenueProcess]:
    options = ("--proxy", "0", "--latency-ms", "0", "--weight-limit", "1000000")
    process = VenueProcess(tmp_path, symbols=SYMBOLS, options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture
def settings(proxied: VenueProcess) -> dict[str, Any]:
    """Of an account that has traded, so that there is something to fetch."""
    credentials = proxied.register(deposit={"USDT": "100000", "BTC": "1"})
    exchange = ccxt.binance(ccxt_options(proxied, credentials))
    bid = exchange.fetch_ticker("BTC/USDT")["bid"]
    exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    exchange.create_order("BTC/USDT", "limit", "sell", 0.01, round(bid * 0.999, 2))
    exchange.create_order("BTC/USDT", "limit", "buy", 0.01, round(bid * 0.9, 2))
    gone = exchange.create_order("BTC/USDT", "limit", "buy", 0.01, round(bid * 0.95, 2))
    exchange.cancel_order(gone["id"], "BTC/USDT")
    exchange.session.close()
    return {
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "httpsProxy": proxied.ready["proxy_url"],
        "validateServerSsl": proxied.ready["proxy_ca_file"],
        "has": LISTED,
    }


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timeout(400)
def test_ccxt_finds_its_venue(tmp_path: Path, settings: dict[str, Any]) -> None:
    floor = Floor.read(FLOOR)
    found = run_suite(make_tree(tmp_path / "tree"), settings, "--sync", "--private", exempt=floor.exempt)
    complaints = floor.complaints(found.passed, found.failed.keys())
    details = [found.failed[name] for name in sorted(found.failed.keys() - floor.known.keys())]
    assert not complaints, "\n\n".join([*complaints, *details, "" if found.passed else found.output])


def test_verdicts_are_read_as_printed() -> None:
    output = """
[INFO] TESTING DONE       binance loadMarkets
[INFO:MAIN] Selected SPOT SYMBOL: ["BTC/USDT"]
[INFO:MAIN] Selected SWAP SYMBOL: ["BTC/USDT:USDT"]
[INFO] TESTING            binance fetchTicker (["BTC/USDT"])
[INFO] TESTING DONE       binance fetchTicker
[INFO] TESTING FAILED     binance fetchOrderBook
[TEST_FAILURE] binance fetchOrderBook ["BTC/USDT"]  (Last url: x ) [AssertionError] Traceback
AssertionError: "timestamp"
[INFO] UNSUPPORTED_TEST   binance fetchOrderBooks
[TEST_FAILURE] binance PUBLIC_TESTS Failed methods : fetchOrderBook
[INFO] END PUBLIC_TESTS binance
[INFO] TESTING DONE       binance fetchTicker
[INFO] END PUBLIC_TESTS binance
[INFO] TESTING FAILED     binance fetchBalance
[TEST_WARNING] binance fetchBalance []  (Last url:  ) Method could not be tested
[INFO] END PRIVATE_TESTS binance
"""
    found = verdicts(output)
    assert found.passed == {"spot public loadMarkets", "spot public fetchTicker", "swap public fetchTicker"}
    assert found.failed.keys() == {"spot public fetchOrderBook", "spot private fetchBalance"}
    assert "timestamp" in found.failed["spot public fetchOrderBook"]


def test_a_floor_only_rises() -> None:
    floor = Floor(FLOOR, 2, {"old": "because"}, {})
    assert floor.complaints({"a", "b"}, {"old"}) == []
    assert floor.complaints({"a", "b"}, {"old", "new"}) == ["new fails"]
    assert floor.complaints({"a", "b", "old"}, set()) == [f"old passes: take it off {FLOOR.name}"]
    assert floor.complaints({"a", "b"}, set()) == [f"old was not run: take it off {FLOOR.name}"]
    assert floor.complaints({"a"}, {"old"}) == ["only 1 passed, and 2 have before"]
    assert floor.complaints({"a", "b", "c"}, {"old"}) == [f"3 pass now: raise the floor of 2 in {FLOOR.name}"]
