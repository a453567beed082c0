"""Routes that fail as their path says."""

import asyncio
import gc
import logging
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from typing import Any

import structlog
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from sqlalchemy import text

from core.auth import AUTHENTICATED, PUBLIC
from core.http.injected import Injected
from core.http.rate_limit import RateLimit
from core.jobs.declare import Job
from core.unit_of_work import UnitOfWork
from ports.mail import Mail, Message
from ports.storage import Storage
from saboteur import jobs
from saboteur.database import quote_in_statement
from saboteur.jobs import Order
from saboteur.ways import fail

logger: Any = structlog.get_logger(__name__)
JOBS: dict[str, Job[Any]] = {"fail": jobs.failing, "write": jobs.writing, "send": jobs.sending}


@get("/saboteur/fine", access=PUBLIC)
async def fine() -> dict[str, str]:
    """Do well."""
    return {"status": "fine"}


@get("/saboteur/secret", access=AUTHENTICATED)
async def secret() -> dict[str, str]:
    """Be for those who show a credential."""
    return {"status": "fine"}


@get("/saboteur/rare", access=PUBLIC, rate_limit=RateLimit("saboteur-rare", 1, per=3600))
async def rare() -> dict[str, str]:
    """Be there once an hour."""
    return {"status": "fine"}


@get("/saboteur/letters/{letter:str}", access=PUBLIC)
async def letter(letter: FromPath[str]) -> dict[str, int]:
    """Take a word in the path."""
    return {"length": len(letter)}


@post("/saboteur/fail", access=PUBLIC, idempotency="none")
async def failing(data: JSONBody[Order]) -> dict[str, str]:
    """Fail in a handler."""
    await fail(data.way, data.words)
    return {"status": "fine"}


@post("/saboteur/thread", access=PUBLIC, sync_to_thread=True, idempotency="none")
def in_thread(data: JSONBody[Order]) -> dict[str, str]:
    """Fail in a handler that runs in a thread."""
    raise SystemExit(data.words)


@post("/saboteur/write", access=PUBLIC, idempotency="none")
async def writing(data: JSONBody[Order], uow: Injected[UnitOfWork]) -> dict[str, str]:
    """Let the database refuse a value through either door."""
    if data.way == "session":
        await uow.session.execute(text("SELECT CAST(:words AS integer)"), {"words": data.words})
    else:
        await quote_in_statement(await uow.connection(), data.way, data.words)
    return {"status": "fine"}


@post("/saboteur/send", access=PUBLIC, idempotency="none")
async def sending(data: JSONBody[Order], mail: Injected[Mail]) -> dict[str, str]:
    """Send a mail with these words."""
    letter = Message(
        message_id="<words@saboteur.example>", recipients=("ada@example.org",), subject="A letter", text=data.words
    )
    await mail.send(letter)
    return {"status": "fine"}


@post("/saboteur/leak", access=PUBLIC, idempotency="none")
async def leaking(storage: Injected[Storage]) -> dict[str, str]:
    """Begin a transaction and lose it."""
    await storage.transaction().connection()
    return {"status": "fine"}


@post("/saboteur/stream", access=PUBLIC, idempotency="none")
async def streaming(data: JSONBody[Order]) -> Stream:
    """Fail when half of the answer is out."""

    async def halves() -> AsyncIterator[bytes]:
        yield b"the first half"
        await fail(data.way, data.words)

    return Stream(halves())


@post("/saboteur/garbage", access=PUBLIC, idempotency="none")
async def garbage(data: JSONBody[Order]) -> dict[str, Any]:
    """Return what cannot be sent."""
    return {data.words: object()}


@post("/saboteur/jobs/{name:str}", access=PUBLIC, idempotency="none")
async def enqueue(name: FromPath[str], data: JSONBody[Order], uow: Injected[UnitOfWork]) -> dict[str, str]:
    """Enqueue a job that fails."""
    return {"id": str(await uow.enqueue(JOBS[name], data))}


@post("/saboteur/aside", access=PUBLIC, idempotency="none")
async def aside(data: JSONBody[Order]) -> dict[str, str]:
    """Fail where nobody waits, and print, warn and log what nobody should."""
    match data.way:
        case "task":
            task = asyncio.create_task(fail("error", data.words))
            await asyncio.sleep(0.01)
            del task
            gc.collect()
        case "callback":
            asyncio.get_running_loop().call_soon(int, data.words)
        case "thread":
            thread = threading.Thread(target=int, args=(data.words,))
            thread.start()
            thread.join()
        case "unraisable":
            Fragile(data.words)
            gc.collect()
        case "warning":
            warnings.warn(f"do not use this: password={data.words!r}", stacklevel=1)
        case "print":
            sys.stdout.write(f"password={data.words!r}\nand a line\n")
            sys.stderr.write(f"password={data.words!r}\n")
        case "bad-record":
            logging.getLogger("saboteur").warning("%d", data.words)
        case "log":
            logger.info("logged", request=data.details, order=data, headers={"Authorization": data.words})
    return {"status": "fine"}


class Fragile:
    """Fails when it is thrown away."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __del__(self) -> None:
        int(self._words)


@get("/saboteur/query", access=PUBLIC)
async def query(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Fail with a query at hand."""
    raise RuntimeError(f"cannot answer {request.url.query} {dict(request.query_params)} {dict(request.headers)}")


ROUTES: list[Any] = [
    fine, secret, rare, letter, failing, in_thread, writing, sending, leaking, streaming, garbage, enqueue, aside,
    query,
]  # fmt: skip
