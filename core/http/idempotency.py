"""Idempotency-Key: a request that is sent again is answered again, not done again.

The guard runs inside the request's own transaction, right after BEGIN: a lock that only one request of a key can hold,
then a look for the answer of an earlier one. The answer is stored by the same commit as the work, so that a crash
leaves both or neither. Keys are kept for 24 hours.

Routes whose answer is a credential declare `idempotency="none"`.
"""

import hashlib
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType

from core.auth import ANONYMOUS, Principal
from core.http import problem_types as kinds
from core.http.problems import Problem
from core.http.recording import Answer
from core.jobs.declare import Tick, job
from core.unit_of_work import UnitOfWork
from ports.storage import Connection

RETENTION: Final = "24 hours"
MAX_KEY_LENGTH: Final = 255

_HEADER: Final = b"idempotency-key"
_PRUNE_BATCH: Final = 5000

_LOCK: Final = "SELECT pg_try_advisory_xact_lock($1)"
_LOOK: Final = """
SELECT fingerprint, status, headers, body, reference, locked_until > now() AS running
FROM core.idempotency_keys WHERE scope = $1 AND expires_at > now()
"""
_KEEP: Final = f"""
INSERT INTO core.idempotency_keys (scope, route, fingerprint, status, headers, body, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + interval '{RETENTION}')
ON CONFLICT (scope) DO UPDATE SET
    route = excluded.route, fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
    body = excluded.body, reference = NULL, locked_until = NULL, created_at = now(), expires_at = excluded.expires_at
"""  # noqa: S608 - the interval is ours
_PRUNE: Final = f"""
DELETE FROM core.idempotency_keys WHERE scope IN (
    SELECT scope FROM core.idempotency_keys WHERE expires_at <= now() LIMIT {_PRUNE_BATCH} FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - the limit is ours

_UNKEPT: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
)


class Replay(Exception):
    """The request was answered before: answer the same. Let it pass; it is no failure."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("this request was answered before")
        self.answer = answer


class Stored(msgspec.Struct, frozen=True):
    """What is stored for a key: an answer, or a stepwise use case under way."""

    answer: Answer | None
    reference: str | None
    running: bool


class Claim(msgspec.Struct, frozen=True):
    """One request's claim to be the first of its key.

    Attributes:
        scope: digest of principal, method, route template and key.
        fingerprint: digest of the request.
        route: the route template, for people.
    """

    scope: bytes
    fingerprint: bytes
    route: str

    async def take(self, uow: UnitOfWork) -> None:
        """Be the only request of this key until `uow` ends, and the first: the unit's `on_begin`.

        Raises:
            Replay: the request was answered before.
            Problem: 409 `idempotency_in_progress`: another one is running, or was cut off between two steps;
                422 `idempotency_key_reused`: the key stands for another request.
        """
        stored = await self.look(await uow.connection())
        if stored is not None:
            raise in_progress()

    async def look(self, connection: Connection) -> Stored | None:
        """Lock the key and return the use case that is under way under it, if any. Raises as `take`.

        The lock and the look are two statements: only the second one's snapshot is sure to see what the lock's
        last holder has committed.
        """
        if not await connection.fetchval(_LOCK, int.from_bytes(self.scope[:8], signed=True)):
            raise in_progress()
        row = await connection.fetchrow(_LOOK, self.scope)
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            raise Problem(kinds.IDEMPOTENCY_KEY_REUSED)
        if row["status"] is not None:
            raise Replay(Answer(row["status"], row["headers"], row["body"]))
        return Stored(None, row["reference"], bool(row["running"]))

    async def keep(self, connection: Connection, answer: Answer) -> None:
        """Store `answer` with the transaction of `connection`."""
        await connection.execute(
            _KEEP, self.scope, self.route, self.fingerprint, answer.status, answer.headers, answer.body
        )


def in_progress() -> Problem:
    """Return the refusal of a request whose twin is running."""
    return Problem(kinds.IDEMPOTENCY_IN_PROGRESS, headers={"Retry-After": "1"})


def is_kept(refusal: Problem) -> bool:
    """Tell whether a refusal is the answer for good: a rule's verdict, and not a fault of form, right or moment."""
    status = refusal.type.status
    is_client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_client_error and status not in _UNKEPT and refusal.type not in _VERDICTS_ON_KEYS


_VERDICTS_ON_KEYS: Final = (kinds.IDEMPOTENCY_IN_PROGRESS, kinds.IDEMPOTENCY_KEY_REUSED)


async def claim_of(request: Request[Any, Any, Any]) -> Claim | None:
    """Return the claim that the request's Idempotency-Key makes; None where it makes none.

    Raises:
        Problem: 400 `invalid_idempotency_key`.
    """
    scope = request.scope
    if scope["method"] != "POST":
        return None
    keys = [value for name, value in scope["headers"] if name == _HEADER]
    if not keys or request.route_handler.opt.get("idempotency") == "none":
        return None
    key = keys[0]
    if len(keys) > 1 or not 0 < len(key) <= MAX_KEY_LENGTH or not (key.isascii() and key.decode().isprintable()):
        raise Problem(kinds.INVALID_IDEMPOTENCY_KEY)
    principal: Principal = scope.get("user") or ANONYMOUS
    route: str = scope["path_template"]
    fingerprint = await _fingerprint(request)
    owner = [principal.kind.encode(), principal.id.encode()]
    anonymous = [fingerprint] if principal.is_anonymous else []
    return Claim(_digest(*owner, b"POST", route.encode(), key, *anonymous), fingerprint, route)


def _digest(*parts: bytes) -> bytes:
    """Return the SHA-256 of `parts`, each preceded by its length so that none can run into the next."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


async def _fingerprint(request: Request[Any, Any, Any]) -> bytes:
    scope = request.scope
    query = b"&".join(sorted(scope["query_string"].split(b"&")))
    content = await _form_parts(request) if _is_form(request) else [await request.body()]
    return _digest(b"POST", scope["path"].encode(), query, *content)


def _is_form(request: Request[Any, Any, Any]) -> bool:
    return request.content_type[0] == RequestEncodingType.MULTI_PART


async def _form_parts(request: Request[Any, Any, Any]) -> list[bytes]:
    """Return what a form says, which is the same however its parts are delimited."""
    parts: list[bytes] = []
    for name, value in (await request.form()).multi_items():
        parts.append(name.encode())
        if isinstance(value, UploadFile):
            parts += [value.filename.encode(), value.content_type.encode(), await value.read()]
            await value.seek(0)
        else:
            parts.append(str(value).encode())
    return parts


@job("core.prune_idempotency_keys", cron="17 * * * *", timeout=60.0)
async def prune_idempotency_keys(_tick: Tick, uow: UnitOfWork) -> None:
    """Delete keys that have expired, a batch an hour at a time."""
    connection = await uow.connection()
    while await connection.execute(_PRUNE) == f"DELETE {_PRUNE_BATCH}":
        continue
