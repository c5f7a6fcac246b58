"""The same promises over TLS: what is waited for ends, and nothing counts as sent before the handshake is done."""

import datetime
import ipaddress
import random
import ssl
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.domain.errors import OutcomeUnknown, VenueUnavailable
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, Leg, OrderRequest, OrderType, Side
from core.ports.venue import Credentials
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.binance.rest import BinanceRest
from tests.integration.adapter.raw_server import Peer, RawServer, Script, answer

ORDER = OrderRequest(ClientOrderId("mine-1"), Leg(InstrumentId("BTC/USDT"), Side.BUY, Decimal(1), OrderType.MARKET))
TIME = b'{"serverTime":1700000000000}'


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Key and certificate for 127.0.0.1 in one file, which requests trusts for this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), random.getrandbits(64))
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(path))
    return path


def over_tls(certificate: Path, script: Script) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrapped(peer: Peer) -> None:
        peer.sock = context.wrap_socket(peer.sock, server_side=True)
        try:
            script(peer)
        finally:
            peer.sock.close()

    return wrapped


class Case:
    def __init__(self, script: Script) -> None:
        self.server = RawServer(script)
        settings = VenueSettings(
            name="binance", base_url=self.server.url.replace("http:", "https:"), request_timeout_s=0.5
        )
        self.rest = BinanceRest(settings, Credentials("k", "s"), WallClock(), SystemMonotonicClock())

    def close(self) -> None:
        self.rest.close()
        self.server.close()


@pytest.fixture
def cases() -> Iterator[list[Case]]:
    made: list[Case] = []
    yield made
    for case in made:
        case.close()


def test_a_call_over_tls_is_answered(cases: list[Case], certificate: Path) -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer(TIME))

    cases.append(Case(over_tls(certificate, script)))
    assert [cases[0].rest.server_time_ms() for _ in range(3)] == [1_700_000_000_000] * 3
    assert cases[0].server.connections == 1


def test_a_body_that_drips_over_tls_ends_at_the_deadline(cases: list[Case], certificate: Path) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        peer.sock.settimeout(0.02)
        while True:
            peer.send(b" ")
            try:
                if not peer.sock.recv(1):
                    return
            except TimeoutError:
                continue

    cases.append(Case(over_tls(certificate, script)))
    with pytest.raises(OutcomeUnknown):
        cases[0].rest.place(ORDER)


def test_a_handshake_that_never_ends_means_nothing_was_sent(cases: list[Case], certificate: Path) -> None:
    cases.append(Case(lambda peer: peer.until_client_goes()))
    with pytest.raises(VenueUnavailable):
        cases[0].rest.place(ORDER)


def test_a_certificate_of_somebody_else_means_nothing_was_sent(
    cases: list[Case], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", certifi.where())
    cases.append(Case(over_tls(certificate, lambda peer: peer.until_client_goes())))
    with pytest.raises(VenueUnavailable):
        cases[0].rest.place(ORDER)
    assert cases[0].server.requests == []
