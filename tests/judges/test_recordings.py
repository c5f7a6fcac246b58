"""Frames and answers on the wire beside recorded ones of the real venue: the same keys, the same JSON types."""

import asyncio
import fnmatch
import gzip
import itertools
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.venues import VenueProcess

pytestmark = pytest.mark.slow

KNOWN = tomllib.loads(Path(__file__).with_name("recorded_known_differences.toml").read_text("utf-8"))["difference"]
KINDS = ("trade", "aggTrade", "bookTicker", "kline_1m", "depth@100ms")
Shape = dict[str, set[str]]
"""JSON types by path of keys; a list adds `[]` to the path of its elements."""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    symbols = ("BTC/USDT", "BTC/USDT:USDT")
    process = VenueProcess(tmp_path_factory.mktemp("recorded"), symbols=symbols, options=("--latency-ms", "0"))
    yield process
    assert process.stop() == 0


def shape_of(value: Any, path: str = "", found: Shape | None = None) -> Shape:
    found = defaultdict(set) if found is None else found
    if path:
        found[path].add("null" if value is None else type(value).__name__)
    if isinstance(value, dict):
        for key, inner in value.items():
            shape_of(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            shape_of(inner, f"{path}[]", found)
    return found


def differences(what: str, ours: Shape, recorded: Shape) -> list[str]:
    """`spot kline: k.x missing`, one a line, without those that are on the list."""
    found = [f"{what}: {path} missing" for path in recorded.keys() - ours.keys()]
    found += [f"{what}: {path} unknown" for path in ours.keys() - recorded.keys()]
    for path in ours.keys() & recorded.keys():
        if not ours[path] <= recorded[path]:
            found.append(f"{what}: {path} is {sorted(ours[path])}, recorded {sorted(recorded[path])}")
    return sorted(found)


def judge(what: str, ours: Shape, recorded: Shape) -> None:
    patterns = [
        each for entry in KNOWN if entry["reason"] for each in entry["differences"] if each.startswith(f"{what}:")
    ]
    found = differences(what, ours, recorded)
    complaints = [each for each in found if not any(fnmatch.fnmatchcase(each, pattern) for pattern in patterns)]
    complaints += [f"no longer so: {pattern}" for pattern in patterns if not fnmatch.filter(found, pattern)]
    assert not complaints, "\n".join(complaints)


def recorded_frames(data: Path, market: str) -> dict[str, Shape]:
    """By stream, all recordings of a market together."""
    folder, cryptofeed = {"spot": ("spot", "BINANCE"), "usdm": ("usdm", "BINANCE_FUTURES")}[market]
    found: dict[str, Shape] = defaultdict(lambda: defaultdict(set))
    with gzip.open(data / f"hftbacktest/{folder}/btcusdt_20240808.gz", "rt") as lines:
        texts = [line.partition(" ")[2] for line in itertools.islice(lines, 20_000)]
    texts += [line.partition(": ")[2] for line in (data / f"cryptofeed/{cryptofeed}.ws.1.0").read_text().splitlines()]
    for text in texts:
        if not text.startswith('{"stream"'):
            continue
        frame = json.loads(text)
        stream = frame["stream"].partition("@")[2]
        shape_of(frame["data"], found=found["depth@100ms" if stream == "depth@0ms" else stream])
    return found


async def live_frames(url: str, name: str) -> dict[str, Shape]:
    """Some of each stream, the last levels of a book's change included."""
    found: dict[str, Shape] = defaultdict(lambda: defaultdict(set))
    seen: dict[str, int] = defaultdict(int)
    query = "/".join(f"{name}@{kind}" for kind in KINDS)
    async with asyncio.timeout(60), connect(f"{url}/stream?streams={query}") as socket:
        while any(seen[kind] < 3 for kind in KINDS) or "a[][]" not in found["depth@100ms"]:
            frame = json.loads(await socket.recv())
            kind = frame["stream"].partition("@")[2]
            seen[kind] += 1
            shape_of(frame["data"], found=found[kind])
    return found


@pytest.mark.parametrize(("market", "prefix"), [("spot", ""), ("usdm", "/fut/market")])
async def test_streams(venue: VenueProcess, recorded_data: Path, market: str, prefix: str) -> None:
    recorded = recorded_frames(recorded_data, market)
    ours = await live_frames(venue.ws_url + prefix, "btcusdt")
    for kind in KINDS:
        judge(f"{market} {kind}", ours[kind], recorded[kind])


@pytest.mark.parametrize(
    ("market", "file", "path"),
    [("spot", "BINANCE", "/api/v3"), ("usdm", "BINANCE_FUTURES", "/fapi/v1")],
)
def test_snapshots(venue: VenueProcess, recorded_data: Path, market: str, file: str, path: str) -> None:
    text = (recorded_data / f"cryptofeed/{file}.http.0.0").read_text().splitlines()[0]
    recorded = json.loads(text.partition(" -> ")[2].partition(": ")[2])
    ours = httpx.get(f"{venue.url}{path}/depth?symbol=BTCUSDT").json()
    judge(f"{market} depth", shape_of(ours), shape_of(recorded))


@pytest.mark.parametrize(
    ("market", "file", "path"),
    [("spot", "BINANCE", "/api/v3"), ("usdm", "BINANCE_FUTURES", "/fapi/v1")],
)
def test_exchange_info(venue: VenueProcess, recorded_data: Path, market: str, file: str, path: str) -> None:
    text = (recorded_data / f"cryptofeed/{file}.0").read_text().splitlines()[0]
    recorded = json.loads(text.partition(" -> ")[2].partition(": ")[2])
    ours = httpx.get(f"{venue.url}{path}/exchangeInfo").json()
    for answer in (ours, recorded):
        for symbol in answer["symbols"]:
            symbol["filters"] = {each["filterType"]: each for each in symbol["filters"]}
    judge(f"{market} exchangeInfo", shape_of(ours), shape_of(recorded))


def test_every_difference_is_of_something_that_is_compared() -> None:
    names = [f"{market} {kind}:" for market in ("spot", "usdm") for kind in (*KINDS, "depth", "exchangeInfo")]
    for each in (each for entry in KNOWN for each in entry["differences"]):
        assert any(each.startswith(name) for name in names), each
