"""Rules: saved once they are found usable, listed, exported and imported."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from core.clock import new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.stub import problems
from plugins.verification.stub.queries import scenarios
from plugins.verification.stub.queries import stub_rules as queries
from plugins.verification.stub.queries.stub_rules import RuleRow, Usage
from plugins.verification.stub.rules.compiled import rule_faults
from plugins.verification.stub.rules.definition import RuleDefinition, ScenarioStep
from plugins.verification.stub.rules.reachability import reachable_states
from plugins.verification.stub.rules.stored import UnreadableError, read_definition, read_rule
from plugins.verification.stub.schemas.stub_rules import ExportedRule, ImportOut, ResetOut, RuleExport, RuleIn, RuleOut
from plugins.verification.stub.service.changes import begin_change
from plugins.verification.stub.settings import StubSettings
from ports.storage import Storage

MAX_FAULTS: Final = 100


async def add(uow: UnitOfWork, settings: StubSettings, definition: RuleIn) -> RuleOut:
    """Save a new rule.

    Raises:
        Problem: 422 `invalid_stub_rule`; 409 `stub_rules_full`.
    """
    _refuse(_faults(definition, ""))
    revision = await begin_change(uow)
    before = await _usage(uow)
    if definition.scenario is not None:
        _require_reachable(definition.scenario, await _reachable(uow, definition.scenario.name), "")
    rule_id = new_id()
    await uow.execute(queries.ADD, id=rule_id, **_columns(definition, revision))
    await _require_room(uow, settings, before)
    return await show(uow, rule_id)


async def replace(uow: UnitOfWork, settings: StubSettings, rule_id: UUID, definition: RuleIn) -> RuleOut:
    """Give a rule another definition; it keeps its place among rules of its priority, and its uses begin anew.

    Raises:
        Problem: 404 `stub_rule_not_found`; 422 `invalid_stub_rule`; 409 `stub_rules_full`.
    """
    _refuse(_faults(definition, ""))
    revision = await begin_change(uow)
    before = await _usage(uow)
    if definition.scenario is not None:
        _require_reachable(definition.scenario, await _reachable(uow, definition.scenario.name, rule_id), "")
    if not await uow.execute(queries.REPLACE, rule_id=rule_id, **_columns(definition, revision)):
        raise Problem(problems.STUB_RULE_NOT_FOUND)
    await _require_room(uow, settings, before)
    return await show(uow, rule_id)


async def remove(uow: UnitOfWork, rule_id: UUID) -> None:
    """Delete a rule. Raises Problem 404 `stub_rule_not_found`."""
    await begin_change(uow)
    if not await uow.execute(queries.DELETE, rule_id=rule_id):
        raise Problem(problems.STUB_RULE_NOT_FOUND)


async def show(source: Storage | UnitOfWork, rule_id: UUID) -> RuleOut:
    """Return a rule. Raises Problem 404 `stub_rule_not_found`."""
    row = await source.fetch_one(queries.BY_ID, rule_id=rule_id)
    if row is None:
        raise Problem(problems.STUB_RULE_NOT_FOUND)
    return rule_out(row)


async def page(storage: Storage, after: int | None, count: int) -> list[RuleRow]:
    """Return at most `count` rules, the newest first, that are older than the one at position `after`."""
    if after is None:
        return await storage.fetch_all(queries.NEWEST, count=count)
    return await storage.fetch_all(queries.NEWEST_AFTER, position=after, count=count)


async def export(storage: Storage) -> RuleExport:
    """Return every rule that can be read, the oldest first."""
    rows = await storage.fetch_all(queries.OLDEST_FIRST)
    return RuleExport(rules=[exported for exported in map(_exported, rows) if exported is not None])


async def import_rules(
    uow: UnitOfWork, settings: StubSettings, document: RuleExport, *, replace_all: bool
) -> ImportOut:
    """Save every rule of `document` or none; each as the newest, in their order, in the place of one with its id.

    Raises:
        Problem: 422 `invalid_stub_rule`, with pointers into the document; 409 `stub_rules_full`.
    """
    rules = [(f"/rules/{index}", exported) for index, exported in enumerate(document.rules)]
    _refuse([fault for pointer, exported in rules for fault in _faults(exported, pointer)] + _repeated(document))
    revision = await begin_change(uow)
    before = await _usage(uow)
    if replace_all:
        await uow.execute(queries.DELETE_ALL)
    if document.rules:
        await uow.execute(queries.PUT_ALL, revision=revision, **_listed(document.rules))
    reached: dict[str, set[str]] = {}
    for pointer, exported in rules:
        if (step := exported.scenario) is not None:
            if step.name not in reached:
                reached[step.name] = await _reachable(uow, step.name)
            _require_reachable(step, reached[step.name], pointer)
    await _require_room(uow, settings, before)
    return ImportOut(imported=len(document.rules))


async def reset(uow: UnitOfWork) -> ResetOut:
    """Delete every rule and every state of a scenario, and put the settings back to their defaults."""
    await begin_change(uow)
    await uow.execute(queries.PUT_SETTINGS, settings={})
    instances = await uow.execute(scenarios.RESET_ALL)
    return ResetOut(rules=await uow.execute(queries.DELETE_ALL), scenario_instances=instances)


def rule_out(row: RuleRow) -> RuleOut:
    """Return what is answered of a stored rule."""
    definition: RuleDefinition | None = None
    unreadable: str | None = None
    try:
        definition = read_rule(row.id, row.position, row.revision, row.definition).definition
    except UnreadableError as error:
        unreadable = str(error)
    return RuleOut(
        id=row.id,
        name=row.name,
        priority=row.priority,
        unreadable=unreadable,
        match=None if definition is None else definition.match,
        scenario=None if definition is None else definition.scenario,
        response=None if definition is None else definition.response,
        times=row.times,
        used=row.used,
        expires_at=row.expires_at,
        created_at=row.created_at,
    )


def _exported(row: RuleRow) -> ExportedRule | None:
    try:
        read = read_definition(row.definition)
    except UnreadableError:
        return None
    return ExportedRule(id=row.id, **{name: getattr(read, name) for name in RuleDefinition.__struct_fields__})


def _columns(definition: RuleDefinition, revision: int) -> dict[str, Any]:
    return {"revision": revision, **_own_columns(definition)}


def _listed(rules: Sequence[ExportedRule]) -> dict[str, list[Any]]:
    """Return the values of all rules, column by column."""
    rows = [{"id": rule.id or new_id(), **_own_columns(rule)} for rule in rules]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _own_columns(definition: RuleDefinition) -> dict[str, Any]:
    step = definition.scenario
    plain = RuleDefinition(**{name: getattr(definition, name) for name in RuleDefinition.__struct_fields__})
    return {
        "name": definition.name,
        "priority": definition.priority,
        "definition": msgspec.json.encode(plain).decode(),
        "scenario": step and step.name,
        "required_state": step and step.required_state,
        "new_state": step and step.new_state,
        "times": definition.times,
        "expires_at": definition.expires_at,
    }


def _faults(definition: RuleDefinition, pointer: str) -> list[Fault]:
    return [Fault(f"{pointer}{fault.pointer}", fault.code, fault.message) for fault in rule_faults(definition)]


def _repeated(document: RuleExport) -> list[Fault]:
    """Return a fault for each rule that would take the place of one before it."""
    seen: set[UUID] = set()
    faults = []
    for index, exported in enumerate(document.rules):
        if exported.id in seen:
            faults.append(Fault(f"/rules/{index}/id", "duplicate_id", "Another rule before this one has its id."))
        if exported.id is not None:
            seen.add(exported.id)
    return faults


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Problem(problems.INVALID_STUB_RULE, faults=faults[:MAX_FAULTS])


async def _reachable(uow: UnitOfWork, scenario: str, but: UUID | None = None) -> set[str]:
    """Return the states to which the rules of a scenario lead; the one with the id `but` is as good as gone."""
    rows = await uow.fetch_all(scenarios.STEPS, name=scenario)
    return reachable_states((row.required_state, row.new_state) for row in rows if row.id != but)


def _require_reachable(step: ScenarioStep, reachable: set[str], pointer: str) -> None:
    """Refuse a rule that waits for a state to which no chain of rules leads."""
    if step.required_state is not None and step.required_state not in reachable:
        message = f"No rule of the scenario {step.name} leads to the state {step.required_state}. Save that one first."
        fault = Fault(f"{pointer}/scenario/required_state", "unreachable_state", message)
        raise Problem(problems.INVALID_STUB_RULE, faults=[fault])


async def _usage(uow: UnitOfWork) -> Usage:
    usage = await uow.fetch_one(queries.USAGE)
    assert usage is not None  # noqa: S101 - an aggregate has one row
    return usage


async def _require_room(uow: UnitOfWork, settings: StubSettings, before: Usage) -> None:
    """Refuse a change that leads beyond a bound; where a bound was lowered, one that leads towards it is welcome."""
    after = await _usage(uow)
    if after.rules > max(settings.max_rules, before.rules):
        raise Problem(problems.STUB_RULES_FULL, f"At most {settings.max_rules} rules are kept.")
    if after.size > max(settings.max_rules_bytes, before.size):
        message = f"The rules would have {after.size} bytes of JSON; {settings.max_rules_bytes} are kept."
        raise Problem(problems.STUB_RULES_FULL, message)
