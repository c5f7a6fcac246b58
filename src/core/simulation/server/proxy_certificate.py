"""What makes a client believe that the proxy is the venue: a certificate of an authority that lives for one run.

The authority signs one certificate, for the hosts of the venue, and its key is dropped at once: whoever trusts its
certificate trusts these names, while this process runs, and nothing else ever. No private key touches the disk.
"""

import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProxyCertificate:
    context: ssl.SSLContext
    """For the server's side of a handshake."""
    authority_pem: bytes
    """What a client has to trust."""


def make_certificate(hosts: Iterable[str]) -> ProxyCertificate:
    import trustme  # noqa: PLC0415 - 100 ms that only a venue with a proxy has to wait for

    authority = trustme.CA(organization_name="Metronome", organization_unit_name="simulated venue, one run")
    leaf = authority.issue_cert(*hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    _load(context, leaf.private_key_and_cert_chain_pem.bytes())
    return ProxyCertificate(context, authority.cert_pem.bytes())


def _load(context: ssl.SSLContext, key_and_chain_pem: bytes) -> None:
    """OpenSSL reads keys from files only; this one is in memory."""
    descriptor = os.memfd_create("proxy-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, key_and_chain_pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
