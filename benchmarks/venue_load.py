"""The simulated venue under load: its share of a core, how prompt closed candles are, REST round trips a second."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import httpx
from benchmarks._daemon import claim, many_symbols
from tests.venues import VenueProcess
from websockets.asyncio.client import connect

from core.simulation.server.signature import sign

STREAMS = ("kline_1m", "bookTicker", "trade", "depth@100ms")
PER_CONNECTION = 1_000
PATIENCE_S = 60.0
MAX_CPU_PCT = {100: 50, 500: 90}
"""Of one core, by number of symbols: with 500 the venue must not be what limits a test."""
KEY = SECRET = "paper"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Counters:
    def __init__(self, venue_ms: Callable[[], float], speed: float) -> None:
        self._venue_ms = venue_ms
        self._speed = speed
        self.messages = 0
        self.delays_ms: list[float] = []
        """Real time from a candle's end to its closing frame."""

    def take(self, message: str) -> None:
        self.messages += 1
        if '"x":true' in message:
            end_ms = json.loads(message)["data"]["k"]["T"] + 1
            self.delays_ms.append((self._venue_ms() - end_ms) / self._speed)


async def read(ws_url: str, streams: list[str], counters: Counters) -> None:
    async with connect(f"{ws_url}/stream", compression=None, max_queue=None) as connection:
        for first in range(0, len(streams), 200):
            request = {"method": "SUBSCRIBE", "params": streams[first : first + 200], "id": first}
            await connection.send(json.dumps(request))
            await asyncio.sleep(0.25)
        async for message in connection:
            counters.take(str(message))


async def streams_under_load(venue: VenueProcess, n_symbols: int, seconds: float) -> dict[str, float]:
    answer = httpx.get(f"{venue.url}/api/v3/time", timeout=PATIENCE_S)
    speed = float(answer.headers["x-venue-clock-speed"])
    start_ms, start_s = answer.json()["serverTime"], time.monotonic()
    symbols = [
        each["symbol"].lower()
        for each in httpx.get(f"{venue.url}/api/v3/exchangeInfo", timeout=PATIENCE_S).json()["symbols"]
    ]
    names = [f"{symbol}@{stream}" for symbol in symbols for stream in STREAMS]
    counters = Counters(lambda: start_ms + (time.monotonic() - start_s) * 1_000 * speed, speed)
    async with asyncio.TaskGroup() as tasks:
        readers = [
            tasks.create_task(read(venue.ws_url, names[first : first + PER_CONNECTION], counters))
            for first in range(0, len(names), PER_CONNECTION)
        ]
        await asyncio.sleep(3)
        pid, before_s, counters.messages, began_s = venue.ready["pid"], cpu_s(venue.ready["pid"]), 0, time.monotonic()
        await asyncio.sleep(seconds)
        elapsed_s = time.monotonic() - began_s
        for reader in readers:
            reader.cancel()
    delays_ms = sorted(counters.delays_ms)
    return {
        "cpu_pct": round(100 * (cpu_s(pid) - before_s) / elapsed_s, 1),
        "messages_per_s": round(counters.messages / elapsed_s),
        "messages_per_s_and_symbol": round(counters.messages / elapsed_s / n_symbols, 1),
        "close_delay_ms_p50": round(delays_ms[len(delays_ms) // 2], 1),
        "close_delay_ms_p99": round(delays_ms[int(len(delays_ms) * 0.99)], 1),
        "rss_mb": round(rss_mb(pid)),
    }


def round_trips(venue: VenueProcess, n: int = 300) -> dict[str, float]:
    """One client, one connection, one request at a time."""
    with httpx.Client(base_url=venue.url, headers={"X-MBX-APIKEY": KEY}) as http:
        began_s = time.monotonic()
        for _ in range(n):
            http.get("/api/v3/ticker/bookTicker?symbol=SYM000USDT").raise_for_status()
        reads = n / (time.monotonic() - began_s)
        answer = http.get("/api/v3/time")
        speed, start_ms, start_s = (
            float(answer.headers["x-venue-clock-speed"]),
            answer.json()["serverTime"],
            time.time(),
        )
        n_orders, began_s = 90, time.monotonic()
        for _ in range(n_orders):
            now_ms = int(start_ms + (time.time() - start_s) * 1_000 * speed)
            form = f"symbol=SYM000USDT&side=BUY&type=MARKET&quoteOrderQty=20&recvWindow=60000&timestamp={now_ms}"
            body = f"{form}&signature={sign(SECRET, form)}"
            http.post("/api/v3/order", content=body).raise_for_status()
        orders = n_orders / (time.monotonic() - began_s)
    return {"reads_per_s": round(reads), "durable_orders_per_s": round(orders)}


def measure(n_symbols: int, speed: float, seconds: float) -> int:
    """The claims for one venue with `n_symbols`; 1 where one does not hold."""
    options = ("--latency-ms", "0", "--weight-limit", "1000000000")
    with tempfile.TemporaryDirectory(prefix="metronome-bench-") as folder:
        venue = VenueProcess(Path(folder), symbols=many_symbols(n_symbols), speed=speed, options=options)
        try:
            load = asyncio.run(streams_under_load(venue, n_symbols, seconds))
            rest = round_trips(venue)
        finally:
            venue.stop()
    cpu_pct, rate = load.pop("cpu_pct"), load.pop("messages_per_s_and_symbol")
    at_most_pct = MAX_CPU_PCT.get(n_symbols, 100)
    return (
        claim("venue's share of a core, %", cpu_pct, at_most_pct, cpu_pct < at_most_pct, symbols=n_symbols, **load)
        | claim("messages a second and symbol", rate, 20, rate >= 20, symbols=n_symbols)
        | claim("closing candle frame after its candle's end p99, ms", load["close_delay_ms_p99"], 250, None, **rest)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=list(MAX_CPU_PCT))
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    return max([measure(n_symbols, arguments.speed, arguments.seconds) for n_symbols in arguments.symbols])


if __name__ == "__main__":
    sys.exit(main())
