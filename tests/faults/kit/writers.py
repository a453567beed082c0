"""Concurrent clients that write one entry after the other, each under an Idempotency-Key, and note what they hear."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx

from tests.faults.kit.history import History, Outcome

ENTRIES = "/api/v1/tally/entries"
CLIENT_PATIENCE = 30.0
RETRIES_AT_ONCE = 20


class Writers:
    """Clients of one service; `history` holds what each was told, `unsound` every answer that breaks the rules."""

    def __init__(
        self,
        url: str,
        history: History,
        path: str = ENTRIES,
        *,
        refuse_half: bool = False,
        patience: float = CLIENT_PATIENCE,
    ) -> None:
        self._url = url
        self._patience = patience
        self._path = path
        self._refuse_half = refuse_half
        self.history = history
        self.unsound: list[str] = []
        self._names: set[str] = set()

    @asynccontextmanager
    async def writing(self, clients: int) -> AsyncIterator[None]:
        """Write with so many clients at once while the context is open; let them finish what they ask for."""
        stop = asyncio.Event()
        async with self._client() as client, asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._write_until(stop, client, number))
            try:
                yield
            finally:
                stop.set()

    async def resolve(self) -> int:
        """Repeat every operation that was not answered for under its key until it is; return how many there were."""
        open_ones = {one.operation for one in self.history.of("unknown") if one.operation in self._names}
        async with self._client() as client, asyncio.TaskGroup() as group:
            for number in range(RETRIES_AT_ONCE):
                group.create_task(self._settle(client, sorted(open_ones)[number::RETRIES_AT_ONCE]))
        return len(open_ones)

    async def write(self, client: httpx.AsyncClient, number: int) -> Outcome:
        """Write one new entry as the client of this number."""
        refused = self._refuse_half and len(self._names) % 2 == 1
        name = f"{'refuse' if refused else 'write'}-{uuid4()}"
        self._names.add(name)
        return await self._write(client, number, name)

    def _client(self) -> httpx.AsyncClient:
        # An idle connection is given up well before the server closes it: a request on it would get no answer.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=1)
        return httpx.AsyncClient(base_url=self._url, timeout=self._patience, limits=limits)

    async def _settle(self, client: httpx.AsyncClient, names: Sequence[str]) -> None:
        for name in names:
            while await self._write(client, -1, name) == "unknown":  # noqa: ASYNC110 - the server is asked
                await asyncio.sleep(0.05)

    async def _write_until(self, stop: asyncio.Event, client: httpx.AsyncClient, number: int) -> None:
        while not stop.is_set():
            if await self.write(client, number) == "unknown":
                await asyncio.sleep(0.1)  # as a client that heeds Retry-After would, only less patient

    async def _write(self, client: httpx.AsyncClient, number: int, name: str) -> Outcome:
        invoked = time.monotonic()
        body = {"label": name, "refuse": name.startswith("refuse")}
        try:
            answer = await client.post(self._path, json=body, headers={"Idempotency-Key": name})
        except httpx.TransportError as error:
            self.history.note(number, name, "unknown", invoked, answer=type(error).__name__)
            return "unknown"
        outcome = _outcome(answer)
        self.unsound += _unsound(answer)
        self.history.note(number, name, outcome, invoked, status=answer.status_code, answer=answer.text)
        return outcome


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return "ok"
    return "unknown" if answer.is_server_error or answer.status_code == httpx.codes.CONFLICT else "fail"


def _unsound(answer: httpx.Response) -> list[str]:
    """Return what is wrong: a 5xx but 503, a refusal that is no problem document, a 503 that says no time to wait."""
    wrong = []
    if answer.is_server_error and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        wrong.append(f"{answer.status_code}: {answer.text}")
    if not answer.is_success and answer.headers["content-type"] != "application/problem+json":
        wrong.append(f"{answer.status_code} is no problem document: {answer.text}")
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and not answer.headers.get("retry-after", "").isdigit():
        wrong.append(f"503 without Retry-After: {answer.text}")
    return wrong
