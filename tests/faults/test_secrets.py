"""Twelve secrets, planted wherever a caller, a database or a mail server can put them, show up in no output."""

import json
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from core.redaction import redact_text
from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Program, Server, at_work, command, environment, jobs_ended, server, worker
from tests.peers.otlp import OtlpSink, otlp_sink
from tests.peers.smtp import SmtpPeer, smtp_peer

PATIENCE = 90.0
CANARIES = {
    "password": "Canary-pw-Orchid7",
    "jwt": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnLWNhbmFyeS1qd3Q",
    "refresh_token": "rt-canary-Zx81kQmP40",
    "totp_seed": "JBSWY3DPEHPK3PXPCANARY",
    "oauth_code": "4/0AcanaryXfWhOauthCode",
    "card_number": "4929123456789015",
    "api_key": "canary-api-key-77f1c2",
    "dsn": "postgresql://canary:hush-canary-dsn@db.invalid/app",
    "signature": "c4na2ye10adc3b1da7e1f2a3",
    "ssn": "219-09-9998",
    "diagnosis": "metastatic canary melanoma",
    "body": "Dear Ada, your canary letter is confidential",
}
HINTS = {**CANARIES, "dsn": "hush-canary-dsn"}
WORDS = " | ".join(CANARIES.values())
"""What greps look for: of the address of a database the password, of everything else the whole."""

FAILURES = ("error", "key", "number", "group", "cause", "exit", "interrupt", "outrage", "cancel")
REFUSALS = ("invalid", "mismatch", "check", "duplicate", "raised")
ASIDES = ("task", "callback", "thread", "unraisable", "print", "warning", "bad-record")


@dataclass
class Stage:
    """A deployment in which secrets are about, and everything that it lets out."""

    serving: Server
    working: Program
    sink: OtlpSink
    mail: SmtpPeer
    dsn: Any
    folder: Path
    environ: dict[str, str]
    answers: list[str]

    async def outputs(self, *, full: bool) -> dict[str, str]:
        """Return all that was let out, by where."""
        commands = {}
        others = (["plugins"], ["ports"], ["check"], ["--help"])
        for arguments in (["jobs", "list", "--limit", "1000"], *(others if full else ())):
            code, text = await command(self.folder, self.environ, *arguments)
            assert code == 0, text
            commands[" ".join(arguments)] = text
        connection = await asyncpg.connect(self.dsn.reveal())
        try:
            rows = await connection.fetch("SELECT id, name, state, error FROM core.jobs")
        finally:
            await connection.close()
        dead = [row["id"] for row in rows if row["state"] == "dead"]
        assert dead
        async with httpx.AsyncClient(base_url=self.serving.url, headers={"X-API-Key": ADMIN}) as client:
            metrics = (await client.get("/metrics")).text
            console = (await client.get("/")).text
        return {
            **commands,
            "the server's log": self.serving.output(),
            "the worker's log": self.working.output(),
            "spans": "\n".join(map(repr, self.sink.spans())),
            "errors of jobs": "\n".join(str(row["error"]) for row in rows),
            "metrics": metrics,
            "the console": console,
            "answers": "\n".join(self.answers),
        }


ADMIN = "the-admin-key-of-this-stage"


@asynccontextmanager
async def staged(postgres: Cluster, folder: Path, name: str, **keys: str) -> AsyncIterator[Stage]:
    """Start a server, a worker, a sink of spans and a mail server around a database of their own."""
    dsn = await postgres.create_database(name)
    async with AsyncExitStack() as stack:
        sink = stack.enter_context(otlp_sink())
        mail = stack.enter_context(smtp_peer(folder / "mail"))
        environ = environment(
            dsn,
            "verification",
            "saboteur.plugin",
            ADMIN_KEY=ADMIN,
            PORTS__MAIL="smtp",
            ADAPTERS__MAIL__SMTP__HOST=mail.host,
            ADAPTERS__MAIL__SMTP__PORT=str(mail.port),
            ADAPTERS__MAIL__SMTP__TLS="none",
            ADAPTERS__MAIL__SMTP__SENDER="claims@example.org",
            **keys,
        ) | {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        serving = await stack.enter_async_context(server(folder, environ))
        working = await stack.enter_async_context(worker(folder, environ))
        await at_work(dsn)
        yield Stage(serving, working, sink, mail, dsn, folder, environ, [])


async def plant(stage: Stage, asides: tuple[str, ...], texts: list[str]) -> None:
    """Send these texts through every door, and let everything fail with them in hand."""
    stage.mail.behave("554-quote")
    async with httpx.AsyncClient(base_url=stage.serving.url, timeout=20) as client:
        for words in texts:
            for door in (in_handlers, in_jobs, in_addresses, in_headers, in_notices):
                await door(Sender(client, stage.answers), words)
            for way in asides:
                await Sender(client, stage.answers)("POST", "/saboteur/aside", json={"way": way, "words": words})
        await Sender(client, stage.answers)("POST", "/saboteur/aside", json={"way": "log", "details": CANARIES})


@dataclass
class Sender:
    """Sends requests and keeps the answers."""

    client: httpx.AsyncClient
    answers: list[str]

    async def __call__(self, method: str, path: str, **options: Any) -> None:
        try:
            answer = await self.client.request(method, path, **options)
        except httpx.RemoteProtocolError:
            return  # half an answer was promised
        self.answers.append(without_instance(answer.text))


async def in_handlers(send: Sender, words: str) -> None:
    order = {"words": words, "details": CANARIES}
    for way in ("", *FAILURES):
        await send("POST", "/saboteur/fail", json={"way": way, **order})
    for way in (*REFUSALS, "session"):
        await send("POST", "/saboteur/write", json={"way": way, **order})
    for way in ("error", "key"):
        await send("POST", "/saboteur/stream", json={"way": way, **order})
    for path in ("thread", "garbage", "send"):
        await send("POST", f"/saboteur/{path}", json=order)
    await send("POST", "/saboteur/fail", json={"way": words})
    await send("POST", "/saboteur/fail", content=words)
    await send("POST", "/saboteur/fail", data={"words": words})
    await send("POST", "/saboteur/fail", files={"words": words.encode()})


async def in_jobs(send: Sender, words: str) -> None:
    order = {"words": words, "details": CANARIES}
    for way in FAILURES:
        await send("POST", "/saboteur/jobs/fail", json={"way": way, **order})
    for way in REFUSALS:
        await send("POST", "/saboteur/jobs/write", json={"way": way, **order})
    await send("POST", "/saboteur/jobs/send", json=order)


async def in_addresses(send: Sender, words: str) -> None:
    quoted = urllib.parse.quote(words, safe="")
    for path in (f"/saboteur/letters/{quoted}", f"/saboteur/nowhere/{quoted}", f"/{quoted}", f"/login?token={quoted}"):
        await send("GET", path)
    await send("GET", f"/saboteur/query?way={quoted}&{urllib.parse.urlencode(CANARIES)}")
    await send("GET", f"/api/v1/doctors/search?name={quoted}")


async def in_headers(send: Sender, words: str) -> None:
    for header in ("X-API-Key", "Authorization", "Cookie", "X-Secret", "traceparent", "User-Agent", "Host"):
        await send("GET", "/saboteur/query", headers={header: words})
        await send("GET", "/saboteur/secret", headers={header: words})
    for state in (words, f"vendor={words},vendor={words}", *([f"key={words}"] if redact_text(words) != words else [])):
        await send("GET", "/saboteur/query", headers={"traceparent": TRACEPARENT, "tracestate": state})
        await send("POST", "/saboteur/jobs/send", json=FINE, headers={"traceparent": TRACEPARENT, "tracestate": state})
    for credential in (f"Bearer {words}", f"Bearer fail-error {words}", f"Basic {words}", f"Bearer fail-{words}"):
        await send("GET", "/saboteur/secret", headers={"Authorization": credential})
    if redact_text(words) != words:  # any other word is an id as good as the next
        await send("GET", "/saboteur/secret", headers={"X-Request-Id": words})
    for cookie in ("hexastar_session", "hexastar_console"):
        value = urllib.parse.quote(words, safe="")
        await send("GET", "/saboteur/secret", headers={"Cookie": f"{cookie}={value}"})


async def in_notices(send: Sender, words: str) -> None:
    path = "/api/v1/insurance/notification/send"
    await send("POST", path, json={**NOTICE, "message": words}, headers=KEY)
    await send("POST", path, json={**NOTICE, "subject": f"\r\n{words}"}, headers=KEY)


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
KEY = {"X-API-Key": ADMIN}
FINE = {"words": "fine", "details": {}}
NOTICE = {"recipient_email": "ada.canary@example.org", "subject": "Your claim", "message": "It was paid."}


def without_instance(document: str) -> str:
    """Return a problem document without the address that it tells its own caller."""
    try:
        return json.dumps({name: value for name, value in json.loads(document).items() if name != "instance"})
    except ValueError:
        return document


async def settled(stage: Stage) -> None:
    """Wait until every job has come to its end, and the spans have arrived."""
    await jobs_ended(stage.dsn, "saboteur")
    await until(
        lambda: any(span.name == "process saboteur.fail" for span in stage.sink.spans()), PATIENCE, interval=0.05
    )


def found(outputs: dict[str, str]) -> list[str]:
    """Return what `grep -F` finds: which secret, where, and in which line."""
    return [
        f"{name} in {where}: {line[:4000]}"
        for where, text in outputs.items()
        for line in text.split("\n")
        for name, canary in HINTS.items()
        if canary in line or urllib.parse.quote(canary, safe="") in line
    ]


async def test_no_output_shows_a_planted_secret(postgres, folder, full, figure) -> None:
    """Full: each secret by itself and all together, and where people read the log as well as where programs do."""
    texts = [*(CANARIES.values() if full else (CANARIES["jwt"],)), WORDS]
    for profile in ("test", "development") if full else ("test",):
        place = folder / profile
        place.mkdir()
        async with staged(postgres, place, f"secrets_{profile}", PROFILE=profile) as stage:
            await plant(stage, ASIDES if profile == "test" else (), texts)
            await settled(stage)
            outputs = await stage.outputs(full=full)
            await stage.serving.stop()
            await stage.working.stop()
            outputs |= {"the server's log": stage.serving.output(), "the worker's log": stage.working.output()}
        leaks = found(outputs)
        figure("G40", f"secrets shown, profile {profile}", len(leaks), at_most=0)
        figure("G40", f"characters searched, profile {profile}", sum(map(len, outputs.values())))
        assert all(outputs.values())
        assert "saboteur" in outputs["the server's log"]
        assert leaks == []
