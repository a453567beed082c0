"""The request's unit of work: commits after the answer has been made and before it is sent.

Where the request carries an Idempotency-Key, the unit also keeps its answer.
"""

from collections.abc import AsyncGenerator
from typing import Any, Final

from litestar import Request

from core.failpoints import Failpoint
from core.http.idempotency import Claim, claim_of, is_kept
from core.http.injected import Injected
from core.http.problem_handlers import STATE_KEY, render
from core.http.problems import PROBLEM_MEDIA_TYPE, Problem
from core.http.recording import RECORDING, Answer
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory

_BEFORE_EFFECT: Final = Failpoint("request.before_effect")
_AFTER_EFFECT: Final = Failpoint("request.after_effect")
_ANSWER_KEPT: Final = Failpoint("request.answer_kept")
_BEFORE_RESPONSE: Final = Failpoint("request.before_response")


class UnrecordedAnswerError(RuntimeError):
    """A handler that honours Idempotency-Key answered with something that cannot be kept."""


async def provide_unit_of_work(
    request: Request[Any, Any, Any], units: Injected[UnitOfWorkFactory]
) -> AsyncGenerator[UnitOfWork, None]:
    """Yield the unit; commit it where the handler returns, roll it back where it raises.

    Litestar resumes this generator once the answer has been serialised and before it is sent: a commit that fails
    becomes a problem document, never a 2xx.
    """
    claim = await claim_of(request)
    if claim is None:
        async with units() as uow:
            _BEFORE_EFFECT()
            yield uow
            _AFTER_EFFECT()
        _BEFORE_RESPONSE()
        return
    request.scope["state"][RECORDING] = None
    try:
        async with units(on_begin=claim.take) as uow:
            _BEFORE_EFFECT()
            yield uow
            _AFTER_EFFECT()
            await claim.keep(await uow.connection(), recorded_answer(request))
            _ANSWER_KEPT()
    except Problem as refusal:
        if is_kept(refusal):
            await keep_refusal(request, units, claim, refusal)
        raise
    _BEFORE_RESPONSE()


def recorded_answer(request: Request[Any, Any, Any]) -> Answer:
    """Return the answer that was made to `request`."""
    answer: Answer | None = request.scope["state"][RECORDING]
    if answer is None:
        handler = request.route_handler
        raise UnrecordedAnswerError(
            f"{handler} answers with a stream or a raw ASGI application, which cannot be kept for an Idempotency-Key: "
            'return data or a Response, or declare idempotency="none"'
        )
    return answer


async def keep_refusal(
    request: Request[Any, Any, Any], units: UnitOfWorkFactory, claim: Claim, refusal: Problem
) -> None:
    """Store the document of `refusal`, whose work was rolled back, in a transaction of its own.

    Another request of the key may have come in between; then its answer is the one, and Replay is raised.
    """
    async with units(on_begin=claim.take) as uow:
        await claim.keep(await uow.connection(), refusal_answer(request, refusal))


def refusal_answer(request: Request[Any, Any, Any], refusal: Problem) -> Answer:
    """Return the very bytes that will be sent for `refusal`."""
    rendered = render(request.scope, request.app.state[STATE_KEY], refusal)
    headers = {name.lower(): value for name, value in rendered.headers.items()}
    return Answer(rendered.status, {**headers, "content-type": PROBLEM_MEDIA_TYPE}, rendered.body)
