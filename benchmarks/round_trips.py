"""Signed orders over HTTP, placed and cancelled by several clients at once, each on a connection of its own.

A round trip is one request and its answer, which leaves only once the order is on disk. In the same run these clients
ask a bare server of the same make: what the venue adds to HTTP itself is the ratio. Both share the machine with the
clients, so that the CPU time of the server alone is shown, too.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import claim
from benchmarks.venue_load import cpu_s
from tests.venues import VenueProcess

from core.simulation.server.signature import sign

KEY = SECRET = "paper"
HEADERS = {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&newOrderRespType=ACK"
TARGET = 0.2
"""Of the bare server's rate: signature, checks, books, streams and a commit cost no more than four bare trips."""


def order_trips(connection: HTTPConnection, client: int, number: int) -> None:
    """Two round trips: an order far below the market, and its cancellation."""
    name = f"{client}-{number}"
    call(connection, "POST", f"{ORDER}&price=55000&newClientOrderId={name}")
    call(connection, "DELETE", f"symbol=BTCUSDT&origClientOrderId={name}")


def call(connection: HTTPConnection, method: str, form: str) -> None:
    form = f"{form}&recvWindow=60000&timestamp={time.time_ns() // 1_000_000}"
    connection.request(method, "/api/v3/order", f"{form}&signature={sign(SECRET, form)}", HEADERS)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} was answered with {answer.status}: {body.decode()}")


def measure(port: int, pid: int, clients: int, seconds: float) -> dict[str, float]:
    """Round trips a second, and the server's CPU time for one."""
    counts, stop = [0] * clients, threading.Event()

    def work(client: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while not stop.is_set():
            order_trips(connection, client, counts[client])
            counts[client] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(client,), daemon=True) for client in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    before, cpu_before_s, began_s = sum(counts), cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    trips, spent_s, elapsed_s = 2 * (sum(counts) - before), cpu_s(pid) - cpu_before_s, time.monotonic() - began_s
    stop.set()
    for thread in threads:
        thread.join()
    return {"per_s": trips / elapsed_s, "cpu_us": spent_s / trips * 1e6}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    echo = Path(__file__).with_name("_echo_server.py")
    with subprocess.Popen([sys.executable, str(echo)], stdout=subprocess.PIPE, text=True) as bare:
        assert bare.stdout is not None
        floor = measure(int(bare.stdout.readline()), bare.pid, arguments.clients, arguments.seconds)
        bare.terminate()
    with tempfile.TemporaryDirectory(prefix="metronome-bench-") as folder:
        options = ("--latency-ms", "0", "--limits", "relaxed")
        venue = VenueProcess(Path(folder), symbols=("BTC/USDT",), speed=1.0, options=options)
        try:
            orders = measure(venue.port, venue.ready["pid"], arguments.clients, arguments.seconds)
        finally:
            venue.stop()
    ratio = orders["per_s"] / floor["per_s"]
    return claim(
        "durable order round trips a second, share of a bare server's",
        round(ratio, 2),
        TARGET,
        ratio >= TARGET,
        per_s=round(orders["per_s"]),
        bare_per_s=round(floor["per_s"]),
        server_cpu_us=round(orders["cpu_us"]),
        bare_cpu_us=round(floor["cpu_us"]),
        clients=arguments.clients,
    )


if __name__ == "__main__":
    sys.exit(main())
