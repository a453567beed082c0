"""What stands between a request to the three groups and its handler: controls, chaos, rules, delays, the journal.

It runs after authentication and after what else the core refuses by itself, so that no rule opens a route. Delays hold
neither a connection nor a unit of work: an answer that waits costs a timer.
"""

from collections.abc import Iterable
from datetime import timedelta
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
from plugins.verification.stub.incoming import header_values, query_values, stub_request
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
        "_control",
        "_layer",
        "_receive",
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
        self._receive = receive
        self._send = send
        self._started = perf_counter()
        self._status = CLIENT_CLOSED
        self._session: str | None = None
        self._request: StubRequest | None = None
        self.rule: UUID | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Answer, and note the request in the journal."""
        intake = Intake(self._receive, MAX_BODY)
        try:
            await self._answer(app, intake)
        except Problem as refusal:
            await self._refuse(refusal)
        except TooLaboriousError:
            await self._refuse(Problem(STUB_RULES_TOO_LABORIOUS))
        except Exception:
            self._status = HTTPStatus.INTERNAL_SERVER_ERROR  # or what the core makes of it, after this layer
            raise
        finally:
            if self._control.settings.journal:
                self._note(intake)

    async def send(self, message: Message) -> None:
        """Pass a message on; the status is noted."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    async def _answer(self, app: ASGIApp, intake: Intake) -> None:
        keeper, scope = self._control.keeper, self._scope
        controls = control_headers.NONE
        if self._control.settings.controls:
            try:
                controls = read_controls(scope["headers"])
            except InvalidControlError as invalid:
                raise _invalid(invalid.header, invalid.reason) from None
        if controls is control_headers.NONE and keeper.is_idle:
            await app(scope, intake, self.send)
            return
        self._session = controls.session
        if controls.code is not None:
            await self._answer_documented(controls, controls.code, intake)
            return
        fault = controls.fault or keeper.chaos.fault()
        rule = None if fault else await self._rule(intake)
        if intake.is_abandoned:
            return
        if rule is not None:
            self.rule, fault = rule.id, rule.fault
        if not await self._wait(controls, rule, intake):
            return
        if fault is not None:
            await self._fail(fault, intake)
        elif rule is not None:
            await self._answer_by(rule)
        else:
            await app(scope, intake, self.send)

    async def _rule(self, intake: Intake) -> CompiledRule | None:
        """Return the rule that answers, its scenario advanced and its use counted."""
        scope, control = self._scope, self._control
        if not control.keeper.book.concerns(scope["method"], scope["path"]):
            return None
        body = await intake.body()
        if intake.is_abandoned:
            return None
        request = self._request = stub_request(scope, body or b"")
        rule, is_certain = plain_match(control, request)
        return rule if is_certain else await match(control, request, self._session)

    async def _wait(self, controls: Controls, rule: CompiledRule | None, intake: Intake) -> bool:
        """Keep the answer waiting; return False where the client leaves meanwhile."""
        seconds = controls.delay
        if seconds is None:
            delay = rule.definition.response.delay if rule is not None else None
            seconds = self._control.keeper.chaos.seconds(delay)
        return seconds <= 0 or await intake.stays(seconds)

    async def _answer_by(self, rule: CompiledRule) -> None:
        moment = None
        if rule.is_template and self._request is not None:
            moment = Moment(self._request, self._control.clock.now(), uuid4())
        headers, body = rule.answer(moment)
        await self._send_bytes(rule.status, headers, body)

    async def _answer_documented(self, controls: Controls, status: int, intake: Intake) -> None:
        documented = self._layer.documented(self._scope, status)
        if documented is None:
            raise _invalid(control_headers.PREFER, f"This route documents no answer with status {status}.")
        if not await self._wait(controls, None, intake):
            return
        if isinstance(documented, Problem):
            raise documented
        headers = [(b"content-type", b"application/json"), (b"preference-applied", b"code=%d" % status)]
        await self._send_bytes(status, [*headers, (b"content-length", b"%d" % len(documented))], documented)

    async def _fail(self, fault: FaultName, intake: Intake) -> None:
        """Answer as the fault demands; nothing is done."""
        match fault:
            case "timeout":
                if await intake.stays(MAX_WAIT):
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
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def _refuse(self, refusal: Problem) -> None:
        for name, value in self._rule_header():
            refusal.headers[name.decode()] = value.decode()
        await send_problem(self._scope, self.send, self._scope["litestar_app"].state.problems, refusal)

    def _rule_header(self) -> RawHeaders:
        return [] if self.rule is None else [(RULE_HEADER, str(self.rule).encode())]

    def _note(self, intake: Intake) -> None:
        """Have the journal take the request."""
        scope = self._scope
        seconds = perf_counter() - self._started
        context, seen = trace.get_current_span().get_span_context(), self._request
        self._control.journal.record(
            JournalEntry(
                id=new_id(),
                at=self._control.clock.now() - timedelta(seconds=seconds),
                method=scope["method"],
                path=scope["path"],
                query=seen.query if seen else query_values(scope["query_string"]),
                headers=seen.headers if seen else header_values(scope["headers"]),
                body=bytes(intake.noted),
                truncated=intake.truncated,
                status=CLIENT_CLOSED if intake.is_abandoned else self._status,
                matched_rule=self.rule,
                session=self._session,
                duration_ms=round(seconds * 1000, 3),
                trace_id=format(context.trace_id, "032x") if context.is_valid else None,
                request_id=scope["state"].get("request_id"),
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

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, _noticing(send) if _asks(scope["headers"]) else send)

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
