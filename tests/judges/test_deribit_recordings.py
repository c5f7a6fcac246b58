"""Messages and answers of Deribit's protocol beside recorded ones: the same keys, the same JSON types."""

import asyncio
import fnmatch
import json
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.judges.test_recordings import Shape, differences, shape_of
from tests.venues import VenueProcess

pytestmark = pytest.mark.slow

KNOWN = tomllib.loads(Path(__file__).with_name("deribit_known_differences.toml").read_text("utf-8"))["difference"]
PAYLOADS = "nautilus/payloads/deribit/test_data"
PERPETUAL = "BTC-PERPETUAL"
ANSWERS = {
    "get_instrument": {"instrument_name": PERPETUAL},
    "get_order_book": {"instrument_name": PERPETUAL},
    "get_last_trades": {"instrument_name": PERPETUAL, "start_timestamp": "0", "count": "100"},
    "get_tradingview_chart_data": {
        "instrument_name": PERPETUAL,
        "resolution": "1",
        "start_timestamp": "1790000000000",
        "end_timestamp": "1790000300000",
    },
    "get_time": {},
    "test": {},
}
PATHS = {"get_last_trades": "get_last_trades_by_instrument"}
CHANNELS = {
    "ws_ticker": f"ticker.{PERPETUAL}.100ms",
    "ws_quote": f"quote.{PERPETUAL}",
    "ws_trades": f"trades.{PERPETUAL}.100ms",
    "ws_chart": f"chart.trades.{PERPETUAL}.1",
    "ws_book_delta": f"book.{PERPETUAL}.100ms",
}


def numbers_alike(shape: Shape) -> Shape:
    """JSON knows numbers only: `10` and `10.0` are the same."""
    return {path: {"number" if each in ("int", "float") else each for each in kinds} for path, kinds in shape.items()}


def judge(what: str, ours: Shape, recorded: Shape) -> None:
    patterns = [
        each for entry in KNOWN if entry["reason"] for each in entry["differences"] if each.startswith(f"{what}:")
    ]
    found = differences(what, numbers_alike(ours), numbers_alike(recorded))
    complaints = [each for each in found if not any(fnmatch.fnmatchcase(each, pattern) for pattern in patterns)]
    complaints += [f"no longer so: {pattern}" for pattern in patterns if not fnmatch.filter(found, pattern)]
    assert not complaints, "\n".join(complaints)


def ask(venue: VenueProcess, method: str, params: dict[str, str]) -> Any:
    return httpx.get(f"{venue.url}/api/v2/public/{method}", params=params, timeout=60).json()


async def frames(venue: VenueProcess, channels: list[str], wanted: int) -> dict[str, list[Any]]:
    """Some of each channel; of books changes only."""
    found: dict[str, list[Any]] = defaultdict(list)
    async with asyncio.timeout(180), connect(f"{venue.ws_url}/ws/api/v2") as socket:
        asked = {"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": channels}}
        await socket.send(json.dumps(asked))
        while any(len(found[each]) < wanted for each in channels):
            message = json.loads(await socket.recv())
            params = message.get("params", {})
            if (
                params
                and params["data"]
                and not (isinstance(params["data"], dict) and params["data"].get("type") == "snapshot")
            ):
                found[params["channel"]].append(params["data"])
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(venue: VenueProcess, recorded_data: Path, name: str) -> None:
    recorded = json.loads((recorded_data / PAYLOADS / f"http_{name}.json").read_text())
    ours = ask(venue, PATHS.get(name, name), ANSWERS[name])
    judge(name, shape_of(ours["result"], "result"), shape_of(recorded["result"], "result"))


def test_options(venue: VenueProcess, recorded_data: Path) -> None:
    recorded = json.loads((recorded_data / PAYLOADS / "http_get_instrument_option.json").read_text())
    listed = ask(venue, "get_instruments", {"currency": "BTC", "kind": "option"})["result"]
    judge("get_instrument_option", shape_of(listed[0]), shape_of(recorded["result"]))


def test_instruments_of_2021(venue: VenueProcess, recorded_data: Path) -> None:
    """What is said today that was not then is on the list; nothing that was said then is missing."""
    lines = (recorded_data / "cryptofeed/DERIBIT.0").read_text().splitlines()
    recorded = json.loads(lines[0].partition(" -> ")[2].partition(": ")[2])["result"]
    ours = ask(venue, "get_instruments", {"currency": "BTC", "expired": "false"})["result"]
    for kind in ("option", "future"):
        then = shape_of([each for each in recorded if each["kind"] == kind])
        now = shape_of([each for each in ours if each["kind"] == kind])
        assert then.keys() <= now.keys()


async def test_messages(venue: VenueProcess, recorded_data: Path) -> None:
    told = await frames(venue, list(CHANNELS.values()), 2)
    for name, channel in CHANNELS.items():
        recorded = json.loads((recorded_data / PAYLOADS / f"{name}.json").read_text())["params"]["data"]
        judge(name, shape_of(told[channel], "data"), shape_of([recorded], "data"))


async def test_option_tickers_of_2021(venue: VenueProcess, recorded_data: Path) -> None:
    then: Shape = defaultdict(set)
    for line in (recorded_data / "cryptofeed/DERIBIT.ws.1.0").read_text().splitlines():
        text = line.partition(": ")[2]
        if '"channel":"ticker.' in text:
            shape_of(json.loads(text)["params"]["data"], "data", then)
    chain = ask(venue, "get_book_summary_by_currency", {"currency": "BTC", "kind": "option"})["result"]
    by_interest = sorted(chain, key=lambda each: each["open_interest"])
    names = [f"ticker.{each['instrument_name']}.100ms" for each in (by_interest[0], by_interest[-1])]
    told = await frames(venue, names, 1)
    now: Shape = defaultdict(set)
    for each in told.values():
        shape_of(each[0], "data", now)
    judge("option ticker", now, then)
