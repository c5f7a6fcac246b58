"""The proxy as a part of the venue's process: its certificate, its hosts, and what a user is told of it."""

import functools
import socket
from pathlib import Path

from core.runtime.durable_files import write_durably
from core.simulation.server.doors import VenueStartError, url_of
from core.simulation.server.gate import Gate
from core.simulation.server.http_exchange import Application
from core.simulation.server.proxy_certificate import make_certificate
from core.simulation.server.proxy_door import ProxyDoor
from core.simulation.server.proxy_hosts import HOSTS, HostApplication, HostSockets
from core.simulation.server.socket import Socket, SocketRoutes
from core.simulation.server.uvicorn_server import HttpServer

AUTHORITY_FILE = "proxy-ca.pem"


class VenueProxy:
    """Constructing writes the certificate to trust into `folder`. Raises `VenueStartError` where it can't."""

    def __init__(
        self,
        listener: socket.socket,
        folder: Path,
        server: HttpServer,
        application: Application,
        sockets: SocketRoutes,
        *,
        gate: Gate,
    ) -> None:
        certificate = make_certificate(sorted({name for name, _ in HOSTS}))
        self._url = url_of(listener)
        self._authority_file = (folder / AUTHORITY_FILE).resolve()
        _write(self._authority_file, certificate.authority_pem)
        hosts = {
            host: server.connections(
                HostApplication(face, application),
                functools.partial(Socket, routes=HostSockets(face, sockets), gate=gate),
            )
            for host, face in HOSTS.items()
        }
        self._door = ProxyDoor(listener, certificate.context, hosts)

    async def run(self) -> None:
        """Until cancelled."""
        await self._door.run()

    def whereabouts(self) -> dict[str, str]:
        return {"proxy_url": self._url, "proxy_ca_file": str(self._authority_file)}

    def environment(self) -> dict[str, str]:
        """With these, clients that heed the environment (requests, httpx, curl, websockets, Node) come to the venue
        when they mean the real one. The certificate replaces a client's own, so that it can reach nothing else."""
        trusted = str(self._authority_file)
        return {
            "HTTPS_PROXY": self._url,
            "SSL_CERT_FILE": trusted,
            "REQUESTS_CA_BUNDLE": trusted,
            "CURL_CA_BUNDLE": trusted,
            "NODE_EXTRA_CA_CERTS": trusted,
        }


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    try:
        write_durably(file, content)
    except OSError as error:
        message = f"the proxy's certificate can't be written to {file}: {error.strerror or error}"
        raise VenueStartError(message) from None
