"""A real SMTP server (aiosmtpd) in a process of its own, which can misbehave on request.

`behave` switches what it does from the next command on:

    ok              accepts everything
    421             closes the service at MAIL
    421-after-3     closes the service at MAIL once it has taken three messages since the mode was set; any number
    450, 550        refuses, for now or for good, recipients whose address begins with `refused`
    550-sender      refuses the sender
    451-data        refuses the message for now, after it was sent
    554-data        refuses the message for good, after it was sent
    554-quote       the same, quoting recipient and message in the refusal
    slow            answers the message only after two minutes
    slow-3          answers the message only after three seconds; any number
    drop            takes the message and closes the connection before its 250: nobody can know
    drop-before     closes the connection at DATA, before a byte of the message

Each message that it takes responsibility for, or that it took before it dropped the connection, is appended to a
journal and on disk before the server answers: whatever is killed then, `deliveries` tells what has arrived.
"""

import asyncio
import base64
import datetime as dt
import hashlib
import ipaddress
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USERNAME = "hexastar"
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Received:
    """What the server took responsibility for (or was sent, where it dropped the connection)."""

    sender: str
    recipients: list[str]
    content: bytes
    over_tls: bool
    authenticated: bool


@dataclass(frozen=True)
class Arrival:
    """One message in the journal: its Message-ID, whom it was for, and the SHA-256 of what was sent, in hex."""

    message_id: str
    recipients: list[str]
    sha256: str


class SmtpPeer:
    """A running server. `certificate` is the file to trust for its TLS."""

    def __init__(self, folder: Path, port: int, certificate: Path) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.certificate = certificate
        self._folder = folder

    def behave(self, mode: str) -> None:
        """Switch the server's behaviour."""
        (self._folder / "mode").write_text(mode)

    def received(self) -> list[Received]:
        """Return every message in the order of arrival."""
        records = [json.loads(path.read_text()) for path in sorted((self._folder / "new").iterdir())]
        return [Received(**(record | {"content": base64.b64decode(record["content"])})) for record in records]

    def deliveries(self) -> list[Arrival]:
        """Return the journal; every line of it was on disk before its message was answered."""
        journal = self._folder / "journal.jsonl"
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return [Arrival(**json.loads(line)) for line in lines]

    def forget(self) -> None:
        """Throw away what was received and behave well again."""
        (self._folder / "journal.jsonl").unlink(missing_ok=True)
        for path in (self._folder / "new").iterdir():
            path.unlink()
        self.behave("ok")


@contextmanager
def smtp_peer(folder: Path, *, tls: str = "none", auth: bool = False) -> Iterator[SmtpPeer]:
    """Start a server that keeps its messages in `folder`; `tls` is none, starttls or implicit."""
    (folder / "new").mkdir(parents=True, exist_ok=True)
    (folder / "mode").write_text("ok")
    certificate = folder / "certificate.pem"
    make_certificate(certificate, folder / "key.pem")
    command = [sys.executable, __file__, str(folder), tls, "auth" if auth else "open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield SmtpPeer(folder, int(process.stdout.readline()), certificate)
        finally:
            process.terminate()


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for 127.0.0.1 and localhost, signed by its own key, valid for a day."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class Spool:
    """What the server is told, and what it keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._mode_set = 0.0
        self._taken = 0

    @property
    def mode(self) -> str:
        """The mode, without its number."""
        return self._read()[0]

    @property
    def number(self) -> int | None:
        """The number that ends the mode."""
        return self._read()[1]

    @property
    def taken(self) -> int:
        """How many messages were taken since the mode was set."""
        self._read()
        return self._taken

    def _read(self) -> tuple[str, int | None]:
        file = self._folder / "mode"
        if (set_at := file.stat().st_mtime_ns) != self._mode_set:
            self._mode_set, self._taken = set_at, 0
        mode = file.read_text()
        stem, dash, number = mode.rpartition("-")
        return (stem, int(number)) if dash and number.isdecimal() else (mode, None)

    def keep(self, session: Any, envelope: Any, *, over_tls: bool) -> None:
        record = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "content": base64.b64encode(envelope.original_content).decode(),
            "over_tls": over_tls,
            "authenticated": session.authenticated,
        }
        self._journal(envelope)
        self._taken += 1
        self._count += 1
        written = self._folder / f"{self._count:06}"
        written.write_text(json.dumps(record))
        written.rename(self._folder / "new" / written.name)

    def _journal(self, envelope: Any) -> None:
        content = envelope.original_content
        line = {
            "message_id": BytesHeaderParser().parsebytes(content)["Message-ID"],
            "recipients": envelope.rcpt_tos,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        journal = os.open(self._folder / "journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(journal, json.dumps(line).encode() + b"\n")
            os.fsync(journal)
        finally:
            os.close(journal)


class Peer(SMTP):
    """The protocol, able to hang up before the data."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if self.event_handler.spool.mode == "drop-before":
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class Handler:
    """Answers as the mode says."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        spool = self.spool
        if spool.mode == "421" or (spool.mode == "421-after" and spool.taken >= (spool.number or 0)):
            return "421 4.3.2 closing"
        if self.spool.mode == "550-sender":
            return "550 5.1.8 not you"
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.spool.mode in {"450", "550"} and address.startswith("refused"):
            return f"{self.spool.mode} {self.spool.mode[0]}.1.1 not them"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.spool.mode == "451-data":
            return "451 4.3.0 later"
        if self.spool.mode == "554-data":
            return "554 5.7.1 never"
        if self.spool.mode == "554-quote":
            words = " ".join(envelope.original_content.decode("ascii", "replace").split())
            return f"554 5.7.1 {envelope.rcpt_tos[0]} will not read {words[-300:]}"
        self.spool.keep(session, envelope, over_tls=server.transport.get_extra_info("sslcontext") is not None)
        if self.spool.mode == "slow":
            await asyncio.sleep(120 if self.spool.number is None else self.spool.number)
        if self.spool.mode == "drop":
            server.transport.abort()
        return "250 OK"


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
    return AuthResult(success=(data.login, data.password) == (USERNAME.encode(), PASSWORD.encode()))


async def serve(folder: Path, tls: str, *, auth: bool) -> None:
    """Serve until terminated; print the port once connections are accepted."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    handler = Handler(Spool(folder))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Peer(
            handler,
            hostname="peer.test",
            loop=loop,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=authenticate,
            auth_required=auth,
            auth_require_tls=tls == "starttls",
        ),
        "127.0.0.1",
        0,
        ssl=context if tls == "implicit" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], auth=sys.argv[3] == "auth"))
