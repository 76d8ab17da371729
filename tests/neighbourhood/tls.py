"""A certificate authority of our own, and TLS in front of a server that has none."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates that nobody trusts who was not given ``ca``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
        extension = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._signed(self._name, self._key.public_key(), [(extension, True)])
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def certificate(self, *names: str) -> Certificate:
        """Sign a certificate for host names and addresses; the first one is its common name, too."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        certificate = self._signed(subject, key.public_key(), [(alternatives, False)])
        stem = names[0].replace("*", "any").replace(":", "_")
        found = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        found.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return found

    def _signed(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def server_context(certificate: Certificate, *, client_ca: Path | None = None) -> ssl.SSLContext:
    """Return the TLS of a server; with ``client_ca`` a client must have a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def tls_front(port: int, certificate: Certificate, *, client_ca: Path | None = None) -> Iterator[int]:
    """Listen with TLS in front of a port of loopback; with ``client_ca`` a client must have a certificate."""
    context = server_context(certificate, client_ca=client_ca)
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: set[socket.socket] = set()

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(plain)
            secure = stack.enter_context(context.wrap_socket(plain, server_side=True))
            inner = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            open_sockets.update((secure, inner))
            stack.callback(open_sockets.difference_update, (secure, inner))
            _pump(secure, inner)

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=accept, name="tls", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in list(open_sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _pump(secure: ssl.SSLSocket, inner: socket.socket) -> None:
    """Carry bytes both ways until either side is done."""
    with selectors.DefaultSelector() as selector:
        selector.register(secure, selectors.EVENT_READ, inner)
        selector.register(inner, selectors.EVENT_READ, secure)
        while True:
            for ready, _ in selector.select():
                source, sink = ready.fileobj, ready.data
                assert isinstance(source, socket.socket)
                while True:
                    content = source.recv(65536)
                    if not content:
                        return
                    sink.sendall(content)
                    if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                        break
