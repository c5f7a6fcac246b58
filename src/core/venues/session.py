"""A requests session for calls that must end: its sockets are on a `Wire`, nothing is retried or redirected."""

import socket
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.venues.budget.toll import Toll
from core.venues.deadline import Wire

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
"""An idle connection that died without a word is noticed within half a minute, not by the next order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of the latest request, however the call ended."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    """Empty when it did not arrive whole."""


class WiredSession(requests.Session):
    """For one thread. An SDK's exception forgets status, headers and body: `answer` still has them. `toll` is paid
    before a request leaves; `send` raises its `NotYet`."""

    def __init__(self, wire: Wire, toll: Toll) -> None:
        super().__init__()
        self.wire = wire
        self._toll = toll
        self.trust_env = False
        self._response: requests.Response | None = None
        self._is_whole = False
        adapter = _WiredAdapter(wire, self)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    @property
    def answer(self) -> Answer | None:
        """`None` when no head of a response came."""
        response = self._response
        if response is None:
            return None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content if self._is_whole else b"")

    def forget(self) -> None:
        """Before a new call, so that `answer` is never an older one's."""
        self._response = None
        self._is_whole = False

    def head_arrived(self, response: requests.Response) -> None:
        self._response = response
        self._is_whole = False
        self._toll.hear({name.lower(): value for name, value in response.headers.items()})

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self._toll.pay(request.method or "GET", request.url or "")
        response = super().send(request, **kwargs)  # reads the body
        self._is_whole = True
        return response

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Never followed: to follow a redirect is to send the order again."""
        return None


class _WiredAdapter(HTTPAdapter):
    def __init__(self, wire: Wire, session: WiredSession) -> None:
        self._wire = wire
        self._session = session
        super().__init__(pool_connections=4, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, socket_options=_SOCKET_OPTIONS, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._wire)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """A host has two addresses as a rule (IPv6 and IPv4): each may take half of the time that is left."""
        remaining_s = self._wire.remaining_s
        kwargs["timeout"] = (remaining_s / 2, remaining_s)
        response = super().send(request, *args, **kwargs)
        self._session.head_arrived(response)
        return response


def _pool_classes(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections tell `wire` of their sockets, and of the first byte that leaves."""

    class Plain(HTTPConnection):
        _key: int | None = None

        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            self._key = wire.opened(sock)
            return sock

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            wire.sent = True
            super().send(data)

        def close(self) -> None:
            super().close()
            if self._key is not None:
                wire.closed(self._key)
                self._key = None

    class Secure(Plain, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
