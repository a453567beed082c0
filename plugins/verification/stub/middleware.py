"""What stands between a request to the three groups and its handler: controls, chaos, rules, delays, the journal.

It runs after authentication and after what else the core refuses by itself, so that no rule opens a route. Delays hold
neither a connection nor a unit of work: an answer that waits costs a timer.
"""

from collections.abc import Awaitable, Iterable
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry import trace

from core.clock import new_id
from core.http.problem_handlers import send_problem
from core.http.problems import Fault, Problem
from core.telemetry.entry import CLIENT_CLOSED
from plugins.verification.stub.documented import RETRYABLE, Documented
from plugins.verification.stub.incoming import header_values, may_have_body, query_values, stub_request
from plugins.verification.stub.intake import Intake
from plugins.verification.stub.problems import INVALID_STUB_CONTROL, STUB_FAULTS, STUB_RULES_TOO_LABORIOUS
from plugins.verification.stub.rules import controls as control_headers
from plugins.verification.stub.rules.compiled import RULE_HEADER, CompiledRule, RawHeaders
from plugins.verification.stub.rules.controls import Controls, InvalidControlError, read_controls
from plugins.verification.stub.rules.entry import MAX_BODY, JournalEntry
from plugins.verification.stub.rules.faults import MAX_WAIT, FaultName
from plugins.verification.stub.rules.request import StubRequest, TooLaboriousError
from plugins.verification.stub.rules.templates import Moment
from plugins.verification.stub.service.control import StubControl, control_of
from plugins.verification.stub.service.matching import match, plain_match

MALFORMED: Final = b'{"data": [{"status": "act'
"""A body that is cut off."""

_UNAVAILABLE: Final = int(HTTPStatus.SERVICE_UNAVAILABLE)
_FAULTS: Final = {int(kind.status): kind for kind in STUB_FAULTS}


class StubLayer:
    """Litestar middleware for the routes that can be overlaid. One belongs to one application."""

    def __init__(self) -> None:
        self._control: StubControl | None = None
        self._documented: Documented | None = None

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """Put the overlay around a route."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP or scope["method"] == HttpMethod.OPTIONS:
                await app(scope, receive, send)
                return
            control = self._control
            if control is None or control.is_closed:
                control = await self._opened(scope)
            await _Exchange(self, control, scope, receive, send).serve(app)

        return answer

    async def _opened(self, scope: Scope) -> StubControl:
        control = control_of(scope["litestar_app"].state.services)
        await control.keeper.start()
        self._control = control  # only now: requests that come meanwhile wait for the rules as well
        return control

    def documented(self, scope: Scope, status: int) -> Problem | bytes | None:
        """Return what the route documents for a status; None where it documents nothing."""
        if self._documented is None:
            self._documented = Documented(scope["litestar_app"])
        return self._documented.answer(scope["method"], scope["path_template"], status)  # type: ignore[typeddict-item]


class _Exchange:
    """One request and how it is answered."""

    __slots__ = (
        "_came",
        "_control",
        "_intake",
        "_layer",
        "_request",
        "_scope",
        "_send",
        "_session",
        "_started",
        "_status",
        "rule",
    )

    def __init__(self, layer: StubLayer, control: StubControl, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._layer = layer
        self._control = control
        self._scope: Any = scope
        self._intake = Intake(receive, MAX_BODY)
        self._send = send
        self._came = control.clock.now()
        self._started = perf_counter()
        self._status = CLIENT_CLOSED
        self._session: str | None = None
        self._request: StubRequest | None = None
        self.rule: UUID | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Answer, and note the request in the journal."""
        try:
            await self._answer(app)
        except Problem as refusal:
            await self._refuse(refusal)
        except TooLaboriousError:
            await self._refuse(Problem(STUB_RULES_TOO_LABORIOUS))
        except Exception:
            self._status = HTTPStatus.INTERNAL_SERVER_ERROR  # or what the core makes of it, after this layer
            raise
        finally:
            if self._control.settings.journal:
                self._note()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; the status is noted."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        return self._send(message)

    async def _answer(self, app: ASGIApp) -> None:
        keeper, intake = self._control.keeper, self._intake
        controls = self._controls()
        if controls is control_headers.NONE and keeper.is_idle:
            await app(self._scope, intake, self.send)
            return
        self._session = controls.session
        if controls.code is not None:
            await self._answer_documented(controls, controls.code)
            return
        fault = controls.fault or keeper.chaos.fault()
        rule = None if fault else await self._rule()
        if intake.is_abandoned:
            return
        if rule is not None:
            self.rule, fault = rule.id, rule.fault
        if not await self._waits(self._seconds(controls, rule)):
            return
        if fault is not None:
            await self._fail(fault)
        elif rule is not None:
            await self._answer_by(rule)
        else:
            await app(self._scope, intake, self.send)

    def _controls(self) -> Controls:
        if not self._control.settings.controls:
            return control_headers.NONE
        try:
            return read_controls(self._scope["headers"])
        except InvalidControlError as invalid:
            raise _invalid(invalid.header, invalid.reason) from None

    async def _rule(self) -> CompiledRule | None:
        """Return the rule that answers, its scenario advanced and its use counted."""
        scope, control, intake = self._scope, self._control, self._intake
        if not control.keeper.book.concerns(scope["method"], scope["path"]):
            return None
        body = await intake.body() if may_have_body(scope) else b""
        if intake.is_abandoned:
            return None
        request = self._request = stub_request(scope, body or b"")
        rule, is_certain = plain_match(control, request)
        if is_certain:
            return rule
        await intake.body()
        return None if intake.is_abandoned else await match(control, request, self._session)

    def _seconds(self, controls: Controls, rule: CompiledRule | None) -> float:
        """Return how long the answer waits."""
        if controls.delay is not None:
            return controls.delay
        return self._control.keeper.chaos.seconds(rule.definition.response.delay if rule is not None else None)

    async def _waits(self, seconds: float) -> bool:
        """Keep the answer waiting; return False where the client leaves meanwhile."""
        if seconds <= 0:
            return True
        stays = await self._intake.stays(seconds)
        await self._control.turnstile.passage()
        return stays

    async def _answer_by(self, rule: CompiledRule) -> None:
        moment = None
        if rule.is_template and self._request is not None:
            moment = Moment(self._request, self._control.clock.now(), uuid4())
        headers, body = rule.answer(moment)
        await self._send_bytes(rule.status, headers, body)

    async def _answer_documented(self, controls: Controls, status: int) -> None:
        documented = self._layer.documented(self._scope, status)
        if documented is None:
            raise _invalid(control_headers.PREFER, f"This route documents no answer with status {status}.")
        if not await self._waits(self._seconds(controls, None)):
            return
        if isinstance(documented, Problem):
            raise documented
        headers = [(b"content-type", b"application/json"), (b"preference-applied", b"code=%d" % status)]
        await self._send_bytes(status, [*headers, (b"content-length", b"%d" % len(documented))], documented)

    async def _fail(self, fault: FaultName) -> None:
        """Answer as the fault demands; nothing is done."""
        match fault:
            case "timeout":
                if await self._intake.stays(MAX_WAIT):
                    raise _fault(_UNAVAILABLE, {"Connection": "close"})
            case "empty":
                await self._send_broken(b"")
            case "malformed-json":
                await self._send_broken(MALFORMED)
            case _:
                raise _fault(int(fault.removeprefix("status-")), {})

    async def _send_broken(self, body: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *self._rule_header()]
        await self._send_bytes(HTTPStatus.OK, headers, body)

    async def _send_bytes(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self._status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _refuse(self, refusal: Problem) -> None:
        for name, value in self._rule_header():
            refusal.headers[name.decode()] = value.decode()
        await send_problem(self._scope, self.send, self._scope["litestar_app"].state.problems, refusal)

    def _rule_header(self) -> RawHeaders:
        return [] if self.rule is None else [(RULE_HEADER, str(self.rule).encode())]

    def _note(self) -> None:
        """Have the journal take the request."""
        scope, intake, seen = self._scope, self._intake, self._request
        milliseconds = (perf_counter() - self._started) * 1000
        context = trace.get_current_span().get_span_context()
        self._control.journal.record(
            JournalEntry(
                id=new_id(),
                method=scope["method"],
                path=scope["path"],
                query=seen.query if seen else query_values(scope["query_string"]),
                headers=seen.headers if seen else header_values(scope["headers"]),
                body=bytes(intake.noted),
                truncated=intake.truncated,
                status=CLIENT_CLOSED if intake.is_abandoned else self._status,
                matched_rule=self.rule,
                session=self._session,
                duration_ms=milliseconds,
                trace_id=f"{context.trace_id:032x}" if context.is_valid else None,
                request_id=scope["state"].get("request_id"),
                created_at=self._came,
            )
        )


def _fault(status: int, headers: dict[str, str]) -> Problem:
    if status in RETRYABLE:
        headers["Retry-After"] = "1"
    return Problem(_FAULTS[status], headers=headers)


def _invalid(header: str, reason: str) -> Problem:
    fault = Fault(f"header:{header}", INVALID_STUB_CONTROL.code, f"{header}: {reason}")
    return Problem(INVALID_STUB_CONTROL, faults=[fault])


def ignored_controls(app: ASGIApp) -> ASGIApp:
    """Litestar middleware where controls are off: says so to whom sends them."""

    def answer(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return app(scope, receive, _noticing(send) if _asks(scope["headers"]) else send)

    return answer


def _noticing(send: Send) -> Send:
    async def send_notice(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-stub-controls", b"disabled")]
        await send(message)

    return send_notice


def _asks(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name in control_headers.NAMES and (name != b"prefer" or b"code" in value.lower()):
            return True
    return False
