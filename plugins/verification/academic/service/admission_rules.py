"""Registering and replacing the rules of programs."""

from typing import Any, TypeVar

import msgspec

from core.clock import new_id
from core.constraints import violated_constraint
from core.unit_of_work import UnitOfWork
from plugins.verification.academic import queries
from plugins.verification.academic.problems import RULE_EXISTS
from plugins.verification.academic.rules import eligibility_rule, merit_rule
from plugins.verification.academic.schemas import (
    EligibilityRuleIn,
    EligibilityRuleOut,
    MeritRuleIn,
    MeritRuleOut,
)
from plugins.verification.academic.service.refusals import refusal, refuse_faults
from ports.storage import Command

Answer = TypeVar("Answer")


async def save_eligibility_rule(uow: UnitOfWork, data: EligibilityRuleIn, *, replace: bool) -> EligibilityRuleOut:
    """Store a program's eligibility rule; with `replace`, a stored one gives way and goes into its history.

    Raises:
        Problem: `invalid_rule` with a pointer to each contradiction; `rule_exists`.
    """
    refuse_faults(eligibility_rule.contradictions(data))
    command = queries.REPLACE_ELIGIBILITY_RULE if replace else queries.ADD_ELIGIBILITY_RULE
    return await _save(
        uow,
        command,
        program=data.program,
        rule=msgspec.to_builtins(data.requirements),
        category_specific=msgspec.to_builtins(data.category_specific),
        effective_from=data.effective_from,
        effective_to=data.effective_to,
    )


async def save_merit_rule(uow: UnitOfWork, data: MeritRuleIn, *, replace: bool) -> MeritRuleOut:
    """Store a program's merit rule; with `replace`, a stored one gives way and goes into its history.

    Raises:
        Problem: `weights_must_sum_to_100`, `duplicate_component`, `unknown_component`, `unknown_tie_break`,
            `invalid_rule`; `rule_exists`.
    """
    refuse_faults(merit_rule.faults(data))
    command = queries.REPLACE_MERIT_RULE if replace else queries.ADD_MERIT_RULE
    return await _save(
        uow,
        command,
        program=data.program,
        weightage=msgspec.to_builtins(merit_rule.weights(data)),
        options=msgspec.to_builtins(data.options),
    )


async def _save(uow: UnitOfWork, command: Command[Answer], *, program: str, **document: Any) -> Answer:
    try:
        saved = await uow.fetch_one(command, id=new_id(), program=program, **document)
    except Exception as failure:
        if violated_constraint(failure) in {"uq_eligibility_rules_program", "uq_merit_rules_program"}:
            raise refusal(RULE_EXISTS, "/program", f"{program} has a rule; ?upsert=true replaces it.") from failure
        raise
    if saved is None:
        raise RuntimeError("an INSERT with RETURNING answered no row")
    return saved
