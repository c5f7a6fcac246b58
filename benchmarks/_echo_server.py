"""The floor under the venue's round trips: the same uvicorn and the same loop, behind which nothing is done.

Prints its port, then answers every request with the body of a placed order until it is terminated.
"""

import asyncio
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from core.runtime.loop import run_loop
from core.simulation.server.http_exchange import HttpExchange, Receive, Scope, Send
from core.simulation.server.uvicorn_server import HttpServer

BODY = b'{"symbol":"BTCUSDT","orderId":1,"orderListId":-1,"clientOrderId":"c","transactTime":1700000000000}'


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    exchange = HttpExchange(scope, receive, send)
    await exchange.body(1_048_576)
    await exchange.respond(200, [(b"content-type", b"application/json;charset=UTF-8")], BODY)


async def main() -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    server = HttpServer(echo, listener)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    print(listener.getsockname()[1], flush=True)
    await server.run()
    return 0


if __name__ == "__main__":
    sys.exit(run_loop(main()))
