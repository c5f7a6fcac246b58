"""Clients of a daemon's API, in a process of their own: `_api_clients.py KIND DATA_DIR SECONDS`.

`pages`: ten that read every event, and a scraper. `flood`: as many requests a second as one process can make, without a
token and with one; a thousand connections that send a byte a second; and a page that never reads. Prints what it did as
one JSON line, and ends by itself.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

PAGES, SLOW, FLOODERS = 10, 1_000, 32
SCRAPE_EVERY_S = 1.0
GONE = (ConnectionClosed, InvalidHandshake, OSError)
"""The daemon has ended, or has let this one go."""


class Clients:
    def __init__(self, port: int, token: str, seconds: float) -> None:
        self.port, self.token = port, token
        self.end_s = time.monotonic() + seconds
        self.did: Counter[str] = Counter()

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.end_s

    def page(self, **more: object):
        url = f"ws://127.0.0.1:{self.port}/api/v1/events"
        return connect(url, subprotocols=["metronome", f"bearer.{self.token}"], proxy=None, **more)

    async def watch(self) -> None:
        with contextlib.suppress(*GONE):
            async with self.page() as socket:
                while not self.is_over:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(socket.recv(), 1.0)
                        self.did["messages"] += 1

    async def stay_deaf(self) -> None:
        with contextlib.suppress(*GONE):
            async with self.page(max_queue=1) as socket:
                socket.transport.pause_reading()
                while not self.is_over:
                    await asyncio.sleep(0.5)
                socket.transport.abort()

    async def request(self, path: str, every_s: float, headers: str) -> None:
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()
        while not self.is_over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                while not self.is_over:
                    writer.write(asked)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
                    await reader.readexactly(length)
                    self.did[f"status {head[9:12].decode()}"] += 1
                    await asyncio.sleep(every_s)
            except (OSError, asyncio.IncompleteReadError):
                self.did["broken"] += 1
                await asyncio.sleep(0.05)

    async def be_slow(self) -> None:
        while not self.is_over:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                for byte in b"GET /api/v1/status HTTP/1.1\r\n" * 10:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(1.0)
                    if self.is_over or writer.is_closing():
                        break
                writer.close()
                self.did["slow connections"] += 1

    def of(self, kind: str) -> list[asyncio.Task[None]]:
        bearer = f"Authorization: Bearer {self.token}\r\n"
        if kind == "pages":
            work = [self.watch() for _ in range(PAGES)] + [self.request("/metrics", SCRAPE_EVERY_S, bearer)]
        else:
            work = [self.request("/api/v1/status", 0.0, bearer if n % 2 else "") for n in range(FLOODERS)]
            work += [self.be_slow() for _ in range(SLOW)] + [self.stay_deaf()]
        return [asyncio.ensure_future(each) for each in work]


async def main(kind: str, data_dir: Path, seconds: float) -> None:
    deadline_s = time.monotonic() + 60
    while not (data_dir / "api.token").exists() or not (data_dir / "api.port").exists():
        if time.monotonic() > deadline_s:
            sys.exit("no daemon came")
        await asyncio.sleep(0.1)
    port, token = ((data_dir / name).read_text().strip() for name in ("api.port", "api.token"))
    clients = Clients(int(port), token, seconds)
    await asyncio.wait(clients.of(kind), timeout=seconds + 15)
    print(json.dumps(clients.did), flush=True)


if __name__ == "__main__":
    os.nice(15)  # these stand for other machines: what they take of this one is none of the daemon's fault
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, most), most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
