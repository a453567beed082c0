"""Idempotency-Key for use cases that go in steps, because they cross a port between two transactions.

    @post("/api/v1/orders/{order_id:uuid}/payment")
    async def pay(order_id, units: …, steps: Injected[IdempotentSteps], payments: …) -> PaymentOut:
        reference = str(new_id())
        async with units() as uow:
            reference = await steps.begin(uow, reference) or reference    # commits with the intent
            ...
        ...                                                              # every step is re-entrant by its reference

A request whose earlier twin was cut off between two steps gets the twin's reference and goes on from there. The
answer is stored once it has been made; a refusal is stored like an answer; after any other failure the key is free for
the next attempt at once.
"""

from collections.abc import AsyncGenerator
from typing import Any, Final

from litestar import Request

from core.failpoints import Failpoint
from core.http.idempotency import RETENTION, Claim, claim_of, in_progress, is_kept
from core.http.injected import Injected
from core.http.problems import Problem
from core.http.recording import RECORDING, Answer
from core.http.unit_of_work import recorded_answer, refusal_answer
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory

LEASE_SECONDS: Final = 60.0
"""How long a use case may be silent between two steps before a retry takes it over."""

_INTEND: Final = f"""
INSERT INTO core.idempotency_keys (scope, route, fingerprint, reference, locked_until, expires_at)
VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second', now() + interval '{RETENTION}')
ON CONFLICT (scope) DO UPDATE SET
    route = excluded.route, fingerprint = excluded.fingerprint, reference = excluded.reference, status = NULL,
    headers = NULL, body = NULL, locked_until = excluded.locked_until, created_at = now(),
    expires_at = excluded.expires_at
"""  # noqa: S608 - the interval is ours
_RELEASE: Final = "UPDATE core.idempotency_keys SET locked_until = now() WHERE scope = $1 AND status IS NULL"

_INTENT_WRITTEN: Final = Failpoint("steps.intent_written")
_BEFORE_ANSWER: Final = Failpoint("steps.before_answer_kept")
_ANSWER_KEPT: Final = Failpoint("steps.answer_kept")


class IdempotentSteps:
    """The request's Idempotency-Key, for a handler that works in steps. Without a key it asks for nothing."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim
        self.begun = False

    async def begin(self, uow: UnitOfWork, reference: str, *, lease: float = LEASE_SECONDS) -> str | None:
        """Record in the first unit that the use case is under way under `reference`.

        Returns the reference of an earlier request that was cut off, to be resumed; None where this is the first.
        `lease` is how many seconds the steps may take before a retry takes over.

        Raises:
            Replay: the request was answered before.
            Problem: 409 `idempotency_in_progress`, 422 `idempotency_key_reused`.
        """
        if self._claim is None:
            return None
        connection = await uow.connection()
        stored = await self._claim.look(connection)
        if stored is not None and stored.running:
            raise in_progress()
        resumed = stored.reference if stored is not None else None
        claim = self._claim
        await connection.execute(_INTEND, claim.scope, claim.route, claim.fingerprint, resumed or reference, lease)
        self.begun = True
        _INTENT_WRITTEN()
        return resumed

    async def keep(self, units: UnitOfWorkFactory, answer: Answer) -> None:
        """Store the answer: the use case is over."""
        if self._claim is not None and self.begun:
            _BEFORE_ANSWER()
            async with units() as uow:
                await self._claim.keep(await uow.connection(), answer)
            _ANSWER_KEPT()

    async def release(self, units: UnitOfWorkFactory) -> None:
        """Let the next attempt resume at once."""
        if self._claim is not None and self.begun:
            async with units() as uow:
                await (await uow.connection()).execute(_RELEASE, self._claim.scope)


async def provide_idempotent_steps(
    request: Request[Any, Any, Any], units: Injected[UnitOfWorkFactory]
) -> AsyncGenerator[IdempotentSteps, None]:
    """Yield the request's steps; store the answer where the handler gives one."""
    claim = await claim_of(request)
    if claim is None:
        yield IdempotentSteps(None)
        return
    request.scope["state"][RECORDING] = None
    steps = IdempotentSteps(claim)
    try:
        yield steps
    except Problem as refusal:
        if is_kept(refusal):
            await steps.keep(units, refusal_answer(request, refusal))
        else:
            await steps.release(units)
        raise
    except BaseException:
        await steps.release(units)
        raise
    await steps.keep(units, recorded_answer(request))
