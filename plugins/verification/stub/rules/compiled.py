"""Rules made ready to answer: criteria compiled, answers encoded, templates parsed; and what keeps them from it."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from plugins.verification.stub.rules import criteria, templates
from plugins.verification.stub.rules.definition import MAX_RULE_BYTES, RuleDefinition, StubAnswer
from plugins.verification.stub.rules.patterns import FullMatch
from plugins.verification.stub.rules.templates import InvalidTemplateError, JsonTemplate, Moment, TextTemplate

RULE_HEADER: Final = b"x-stub-rule"

RawHeaders = list[tuple[bytes, bytes]]

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE: Final = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]{0,2046}[\x21-\x7e\x80-\xff])?)?")
_OURS: Final = frozenset(
    {
        "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "proxy-connection", "server", "te",
        "trailer", "transfer-encoding", "upgrade", "x-request-id", "x-stub-controls", "x-stub-rule",
    }
)  # fmt: skip
"""Headers that belong to the connection (RFC 9110, 7.6.1) or that the server writes itself."""

_GUARDS: Final = re.compile(
    r"set-cookie2?|content-security-policy.*|x-content-type-options|x-frame-options|strict-transport-security"
    r"|clear-site-data|cross-origin-.*|access-control-.*|permissions-policy|service-worker-allowed"
)
"""Headers by which browsers keep pages apart. Were they a rule's, its author could act as whoever uses the console."""

_BODYLESS: Final = frozenset({204, 205, 304})


class RuleFault(msgspec.Struct, frozen=True):
    """What is wrong with a rule: where, as a JSON Pointer into it, under which code, and why."""

    pointer: str
    code: str
    message: str


class CompiledRule:
    """A rule that is ready to answer."""

    __slots__ = (
        "_body", "_headers", "_path_matches", "_template", "definition", "expires_at", "fault", "id", "is_plain",
        "matcher", "rank", "revision", "scenario", "status", "times",
    )  # fmt: skip

    def __init__(self, rule_id: UUID, position: int, revision: int, definition: RuleDefinition) -> None:
        """Compile a definition that `rule_faults` finds nothing wrong with."""
        answer = definition.response
        self.id = rule_id
        self.revision = revision
        self.rank = (definition.priority, -position)
        self.definition = definition
        place = {"method": None, "path": None, "path_regex": None}  # `stands_at` compares these, once for many requests
        self.matcher = criteria.compile(msgspec.structs.replace(definition.match, **place))
        self.scenario = definition.scenario
        self.times = definition.times
        self.expires_at: datetime | None = definition.expires_at
        self.fault = answer.fault
        self.status = answer.status
        self.is_plain = self.scenario is None and self.times is None and self.expires_at is None
        pattern = definition.match.path_regex
        self._path_matches = None if pattern is None else FullMatch(pattern)
        self._template = _template(answer)
        self._body = b"" if self._template is not None else _body(answer)
        self._headers = _headers(answer)
        self._headers.append((RULE_HEADER, str(rule_id).encode()))
        if self._template is None:
            self._headers += _length(self.status, self._body)

    def stands_at(self, method: str, path: str) -> bool:
        """Tell whether the rule answers any request of this method and path."""
        match = self.definition.match
        if match.method not in (None, method) or match.path not in (None, path):
            return False
        return self._path_matches is None or self._path_matches(path)

    @property
    def is_template(self) -> bool:
        """Tell whether the body depends on the request."""
        return self._template is not None

    def answer(self, moment: Moment | None) -> tuple[RawHeaders, bytes]:
        """Return headers and body; `moment` is needed by templates."""
        if self._template is None or moment is None:
            return self._headers.copy(), self._body
        body = self._template.render(moment)
        return [*self._headers, *_length(self.status, body)], body


def _template(answer: StubAnswer) -> JsonTemplate | TextTemplate | None:
    if not answer.template:
        return None
    return JsonTemplate(answer.json) if answer.text is None else TextTemplate(answer.text)


def _body(answer: StubAnswer) -> bytes:
    if answer.text is not None:
        return answer.text.encode("utf-8", "replace")
    return b"" if answer.json is msgspec.UNSET else msgspec.json.encode(answer.json)


def _length(status: int, body: bytes) -> RawHeaders:
    return [] if status in _BODYLESS else [(b"content-length", b"%d" % len(body))]


def _headers(answer: StubAnswer) -> RawHeaders:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.status not in _BODYLESS and all(name != b"content-type" for name, _ in headers):
        if answer.text is not None:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        elif answer.json is not msgspec.UNSET:
            headers.append((b"content-type", b"application/json"))
    return headers


def rule_faults(definition: RuleDefinition) -> Iterator[RuleFault]:
    """Yield everything that keeps a rule from being saved."""
    size = len(msgspec.json.encode(definition))
    if size > MAX_RULE_BYTES:
        yield RuleFault("", "rule_too_large", f"The rule has {size} bytes of JSON; {MAX_RULE_BYTES} are allowed.")
    try:
        criteria.compile(definition.match)
    except criteria.InvalidCriteriaError as invalid:
        for fault in invalid.faults:
            yield RuleFault(f"/match{fault.pointer}", "invalid_criteria", fault.message)
    yield from _answer_faults(definition.response)
    step = definition.scenario
    if step is not None and step.required_state is None and step.new_state is None:
        yield RuleFault("/scenario", "invalid_scenario", "Give `required_state`, `new_state` or both.")


def _answer_faults(answer: StubAnswer) -> Iterator[RuleFault]:
    has_json, has_text = answer.json is not msgspec.UNSET, answer.text is not None
    if has_json and has_text:
        yield RuleFault("/response/text", "two_bodies", "Give either `json` or `text`.")
    if answer.status in _BODYLESS and (has_json or has_text):
        yield RuleFault("/response/status", "no_body_allowed", f"An answer with status {answer.status} has no body.")
    seen: set[str] = set()
    for name, value in answer.headers.items():
        yield from _header_faults(name, value, seen)
        seen.add(name.lower())
    if answer.delay is not None:
        for pointer, message in answer.delay.faults():
            yield RuleFault(f"/response/delay{pointer}", "invalid_delay", message)
    if answer.template:
        yield from _template_faults(answer)


def _header_faults(name: str, value: str, seen: set[str]) -> Iterator[RuleFault]:
    pointer = f"/response/headers/{_token(name)}"
    if not _TOKEN.fullmatch(name):
        yield RuleFault(pointer, "invalid_header", "This is no name for a header.")
    elif name.lower() in _OURS:
        yield RuleFault(pointer, "invalid_header", "This header belongs to the connection or to the server.")
    elif _GUARDS.fullmatch(name.lower()):
        yield RuleFault(pointer, "invalid_header", "This header protects those who use this server with a browser.")
    elif name.lower() in seen:
        yield RuleFault(pointer, "invalid_header", "This header is named twice.")
    if not _VALUE.fullmatch(value):
        message = "A header's value is one line of at most 2048 printable characters of Latin-1."
        yield RuleFault(pointer, "invalid_header", message)


def _template_faults(answer: StubAnswer) -> Iterator[RuleFault]:
    expressions = 0
    for pointer, text in _strings(answer):
        try:
            expressions += templates.expressions_in(text)
        except InvalidTemplateError as error:
            yield RuleFault(f"/response{pointer}", "invalid_template", str(error))
    if expressions > templates.MAX_EXPRESSIONS:
        message = f"There are {expressions} expressions; {templates.MAX_EXPRESSIONS} are allowed."
        yield RuleFault("/response", "invalid_template", message)
    if answer.json is msgspec.UNSET and answer.text is None:
        yield RuleFault("/response/template", "invalid_template", "There is no body to fill in.")


def _strings(answer: StubAnswer) -> Iterator[tuple[str, str]]:
    if answer.text is not None:
        yield "/text", answer.text
    if answer.json is not msgspec.UNSET:
        yield from _strings_of(answer.json, "/json")


def _strings_of(document: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match document:
        case str():
            yield pointer, document
        case list():
            for index, value in enumerate(document):
                yield from _strings_of(value, f"{pointer}/{index}")
        case dict():
            for name, value in document.items():
                yield from _strings_of(value, f"{pointer}/{_token(name)}")


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
