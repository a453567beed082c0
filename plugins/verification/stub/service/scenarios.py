"""Scenarios as testers see them: which states there are, which keys are where, and putting one somewhere."""

from typing import Final

from core.clock import new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.stub import problems
from plugins.verification.stub.queries import scenarios as queries
from plugins.verification.stub.queries.scenarios import InstanceRow
from plugins.verification.stub.rules.reachability import named_states
from plugins.verification.stub.schemas.scenarios import ScenarioOut, ScenarioResetOut, StateIn
from ports.storage import Storage

MAX_SHOWN: Final = 20


async def page(storage: Storage, after: str | None, count: int) -> list[ScenarioOut]:
    """Return at most `count` scenarios whose names follow `after`, in alphabetical order."""
    names = await storage.fetch_all(queries.NAMES, after=after, count=count)
    return [await _scenario(storage, name) for name in names]


async def _scenario(storage: Storage, name: str) -> ScenarioOut:
    return ScenarioOut(
        name=name,
        possible_states=await _possible_states(storage, name),
        instance_count=await storage.fetch_one(queries.COUNT, name=name) or 0,
        instances=await storage.fetch_all(queries.INSTANCES, name=name),
    )


async def put_state(uow: UnitOfWork, name: str, wanted: StateIn) -> InstanceRow:
    """Put the scenario into a state for one key.

    Raises:
        Problem: 404 `stub_scenario_not_found`; 422 `unknown_stub_state`, listing those that there are.
    """
    steps = await uow.fetch_all(queries.STEPS, name=name)
    if not steps:
        raise Problem(problems.STUB_SCENARIO_NOT_FOUND)
    possible = named_states((step.required_state, step.new_state) for step in steps)
    if wanted.state not in possible:
        message = f"The scenario has the states {', '.join(possible[:MAX_SHOWN])}."
        code = problems.UNKNOWN_STUB_STATE.code
        raise Problem(
            problems.UNKNOWN_STUB_STATE, faults=[Fault("/state", code, message, {"possible_states": possible})]
        )
    row = await uow.fetch_one(queries.PUT, id=new_id(), name=name, key=wanted.key, state=wanted.state)
    assert row is not None  # noqa: S101 - the statement writes a row or raises
    return row


async def reset(uow: UnitOfWork, name: str | None) -> ScenarioResetOut:
    """Set every key of one scenario, or of all, back to the first state."""
    if name is None:
        return ScenarioResetOut(reset=await uow.execute(queries.RESET_ALL))
    return ScenarioResetOut(reset=await uow.execute(queries.RESET, name=name))


async def _possible_states(storage: Storage, name: str) -> list[str]:
    steps = await storage.fetch_all(queries.STEPS, name=name)
    return named_states((step.required_state, step.new_state) for step in steps)
