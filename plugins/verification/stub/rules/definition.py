"""What a rule says: which requests it answers, in which state of a scenario, with what, how late and how often."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from plugins.verification.stub.rules.criteria import Criteria
from plugins.verification.stub.rules.delays import Delay
from plugins.verification.stub.rules.faults import FaultName

INITIAL_STATE: Final = "Started"
"""The state that every scenario begins in."""

DEFAULT_PRIORITY: Final = 500
MAX_RULE_BYTES: Final = 64 * 1024
MAX_KEY: Final = 256

ScenarioName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)")]
State = Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Started"])]


class ScenarioStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rule's part in a scenario.

    Attributes:
        name: the scenario, shared by the rules that tell it.
        required_state: the state in which the rule answers; none: any. The first state is `Started`.
        new_state: the state that its answer leads to; none: it stays.
        key_from: where the request says which of many independent states is meant: `query.<name>` or
            `header.<name>`. Without it `X-Stub-Session` does, and without that all requests share one.
    """

    name: ScenarioName
    required_state: State | None = None
    new_state: State | None = None
    key_from: (
        Annotated[
            str,
            msgspec.Meta(pattern=r"^(query|header)\.[A-Za-z0-9._~-]{1,100}$(?!\n)", examples=["query.doctor_id"]),
        ]
        | None
    ) = None


class StubAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the rule answers.

    Attributes:
        status: of HTTP.
        headers: sent along; a `Content-Type` here replaces that of `json` or `text`.
        json: the body as JSON.
        text: the body as text in UTF-8, in the place of `json`.
        template: whether `{{…}}` in strings of the body is filled in from the request.
        delay: how long it takes; it replaces the delay of the settings.
        fault: what goes wrong, in the place of the answer.
    """

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 200
    headers: Annotated[dict[str, str], msgspec.Meta(max_length=32)] = {}
    json: Any = msgspec.UNSET
    text: Annotated[str, msgspec.Meta(max_length=MAX_RULE_BYTES)] | None = None
    template: bool = False
    delay: Delay | None = None
    fault: FaultName | None = None


class RuleDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule. Of those that match, the one with the lowest priority answers, and of equals the newest.

    Attributes:
        name: for people.
        priority: 1 comes first.
        match: which requests it answers; without criteria, every request of the three groups.
        scenario: its part in a scenario.
        response: what it answers.
        times: how often it answers at most, over all processes.
        expires_at: until when it answers.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    priority: Annotated[int, msgspec.Meta(ge=1, le=1000)] = DEFAULT_PRIORITY
    match: Criteria = Criteria()
    scenario: ScenarioStep | None = None
    response: StubAnswer = StubAnswer()
    times: Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)] | None = None
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
