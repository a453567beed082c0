"""What is sent and answered about scenarios."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from plugins.verification.stub.queries.scenarios import InstanceRow
from plugins.verification.stub.rules.definition import MAX_KEY, State


class ScenarioOut(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario: the states that its rules name, and the keys for which it has begun (the first hundred of them)."""

    name: str
    possible_states: Sequence[str]
    instance_count: int
    instances: Sequence[InstanceRow]


class StateIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state to be in, for one key; the empty key is the one that requests without a key of their own share."""

    state: State
    key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""


class ScenarioResetOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many keys were set back to the first state."""

    reset: int
