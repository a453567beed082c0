"""Which rule answers a request. A scenario's advance and a counted use are one guarded statement each.

No row affected by an advance means that another request was first, in whatever process: matching starts again, three
times at most. No row affected by a use means that the rule's uses are up: the next rule has its turn.
"""

import enum
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from core.clock import new_id
from core.http.problems import Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.stub.problems import SCENARIO_CONTENDED
from plugins.verification.stub.queries import scenarios
from plugins.verification.stub.queries import stub_rules as rules
from plugins.verification.stub.rules.compiled import CompiledRule
from plugins.verification.stub.rules.definition import INITIAL_STATE, MAX_KEY, ScenarioStep
from plugins.verification.stub.rules.request import StubRequest
from plugins.verification.stub.service.control import StubControl
from ports.storage import Storage

ATTEMPTS: Final = 4
"""The first, and three after another request was first."""

Instance = tuple[str, str]
"""A scenario and a key."""


class _Outcome(enum.Enum):
    """What came of trying to use a rule: it answers, it does not apply now, or another request was first."""

    TAKEN = enum.auto()
    PASSED = enum.auto()
    LOST = enum.auto()


class _Advance:
    """One step to be taken: from the state that was read to the next."""

    __slots__ = ("instance", "new", "required")

    def __init__(self, instance: Instance, required: str, new: str) -> None:
        self.instance = instance
        self.required = required
        self.new = new


def plain_match(control: StubControl, request: StubRequest) -> tuple[CompiledRule | None, bool]:
    """Return the rule that answers, and whether that is certain without a look at the database."""
    first = next(control.keeper.book.matching(request), None)
    return first, first is None or first.is_plain


async def match(control: StubControl, request: StubRequest, session: str | None) -> CompiledRule | None:
    """Return the rule that answers, its scenario advanced and its use counted; None where none does.

    Raises:
        Problem: 409 `stub_scenario_contended`: others were first each time, or there are too many keys.
    """
    for _ in range(ATTEMPTS):
        attempt = _Attempt(control, request, session)
        for rule in attempt.candidates():
            outcome = await attempt.use(rule)
            if outcome is _Outcome.TAKEN:
                return rule
            if outcome is _Outcome.LOST:
                break
        else:
            return None
    raise Problem(SCENARIO_CONTENDED, headers={"Retry-After": "1"})


class _Attempt:
    """One pass over the rules, with the states of scenarios as they were read in it."""

    def __init__(self, control: StubControl, request: StubRequest, session: str | None) -> None:
        self._control = control
        self._request = request
        self._session = session
        self._now: datetime = control.clock.now()
        self._states: dict[Instance, str | None] = {}

    def candidates(self) -> Iterator[CompiledRule]:
        """Yield the rules that match, in their order, but for those whose time or uses are up."""
        exhausted = self._control.keeper.exhausted
        for rule in self._control.keeper.book.matching(self._request):
            is_over = rule.expires_at is not None and rule.expires_at <= self._now
            if not is_over and (rule.id, rule.revision) not in exhausted:
                yield rule

    async def use(self, rule: CompiledRule) -> _Outcome:
        """Try to use `rule`."""
        advance: _Advance | None = None
        if rule.scenario is not None:
            instance = self._instance(rule.scenario)
            if instance is None:
                return _Outcome.PASSED
            state = await self._state(instance)
            if rule.scenario.required_state not in (None, state):
                return _Outcome.PASSED
            new = rule.scenario.new_state
            advance = _Advance(instance, state, new) if new is not None and new != state else None
        return await self._take(rule, advance)

    def _instance(self, step: ScenarioStep) -> Instance | None:
        """Return whose state is meant; None where the request does not say what the rule asks for."""
        if step.key_from is None:
            return step.name, self._session or ""
        place, _, name = step.key_from.partition(".")
        if place == "query":
            key = next(iter(self._request.query.get(name, ())), None)
        else:
            key = self._request.headers.get(name.lower())
        is_usable = key is not None and len(key) <= MAX_KEY and key.isprintable()
        return (step.name, key) if is_usable and key is not None else None

    async def _state(self, instance: Instance) -> str:
        if instance not in self._states:
            name, key = instance
            self._states[instance] = await self._control.storage.fetch_one(scenarios.STATE, name=name, key=key)
        return self._states[instance] or INITIAL_STATE

    async def _take(self, rule: CompiledRule, advance: _Advance | None) -> _Outcome:
        if advance is not None and self._states[advance.instance] is None:
            await self._begin(advance.instance)
        if rule.times is None:
            is_taken = advance is None or await self._advance(self._control.storage, advance)
            return _Outcome.TAKEN if is_taken else _Outcome.LOST
        if advance is None:
            return _Outcome.TAKEN if await self._count(self._control.storage, rule) else _Outcome.PASSED
        return await self._count_and_advance(rule, advance)

    async def _begin(self, instance: Instance) -> None:
        name, key = instance
        most = self._control.settings.max_instances
        await self._control.storage.execute(
            scenarios.BEGIN, id=new_id(), name=name, key=key, state=INITIAL_STATE, most=most
        )

    async def _advance(self, source: Storage | UnitOfWork, advance: _Advance) -> bool:
        (name, key), required, new = advance.instance, advance.required, advance.new
        affected = await source.fetch_one(scenarios.ADVANCE, name=name, key=key, required=required, new=new)
        return affected is not None

    async def _count(self, source: Storage | UnitOfWork, rule: CompiledRule) -> bool:
        used = await source.execute(rules.USE, rule_id=rule.id, known_revision=rule.revision)
        if not used:
            self._control.keeper.exhausted.add((rule.id, rule.revision))
        return bool(used)

    async def _count_and_advance(self, rule: CompiledRule, advance: _Advance) -> _Outcome:
        """Do both or neither."""
        unit = self._control.units()
        try:
            if not await self._count(unit, rule):
                return _Outcome.PASSED
            if not await self._advance(unit, advance):
                return _Outcome.LOST
            await unit.commit()
        finally:
            await unit.rollback()
        return _Outcome.TAKEN
