"""A loop under the guard that does what blocks, once each, and says what came of it. Run by test_blocking_guard."""

import asyncio
import encodings.idna  # noqa: F401 - names are looked up with it, and an import reads files
import os
import socket
import sqlite3
import subprocess
import sys
import time
import traceback
from pathlib import Path

import uvloop

from core.runtime.blocking_guard import BlockingCallError, BlockingGuard

FILE = Path(sys.argv[1])


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def ways_to_block() -> dict[str, object]:
    one, other = socket.socketpair()
    address = ("127.0.0.1", 9)
    unconnected = socket.socket()
    descriptor = os.open(FILE, os.O_RDWR)
    return {
        "time.sleep": lambda: time.sleep(3600),
        "open": lambda: open(FILE),  # noqa: PTH123 - the plain one
        "open, by pathlib": FILE.read_text,
        "os.listdir": lambda: os.listdir(FILE.parent),  # noqa: PTH208 - the plain one
        "os.fsync": lambda: os.fsync(descriptor),
        "socket.connect": lambda: unconnected.connect(address),
        "socket.send": lambda: one.send(b"x"),
        "socket.recv": lambda: other.recv(1),
        "socket.getaddrinfo": lambda: socket.getaddrinfo("localhost", 80),
        "subprocess.Popen": lambda: subprocess.run(["true"], check=True),
        "sqlite3.connect": lambda: sqlite3.connect(FILE),
    }


async def harmless() -> None:
    """What a loop does all day, and what the kernel answers without a disk."""
    Path("/proc/self/statm").read_bytes()
    one, other = socket.socketpair()
    for each in (one, other):
        each.setblocking(False)
    one.send(b"x")
    assert await asyncio.get_running_loop().sock_recv(other, 1) == b"x"
    one.close()
    other.close()
    assert await asyncio.to_thread(FILE.read_text) == "here"
    await asyncio.to_thread(time.sleep, 0.001)
    child = await asyncio.create_subprocess_exec("true")
    assert await child.wait() == 0
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close()
    server.close()
    try:
        raise RuntimeError("shown with its source, which is read")
    except RuntimeError:
        traceback.format_exc()


async def main() -> None:
    FILE.write_text("here")
    ways, original = ways_to_block(), socket.socket.recv
    guard = BlockingGuard()
    guard.arm()
    for name, block in ways.items():
        try:
            block()
            say(f"{name}: went through")
        except BlockingCallError as error:
            say(f"{name}: {error}")
    caught = len(guard.caught)
    await harmless()
    guard.disarm()
    say(f"{caught} caught, {len(guard.caught) - caught} of the harmless ones")
    FILE.read_text()
    time.sleep(0)
    assert socket.socket.recv is original
    say("disarmed")


uvloop.run(main())
