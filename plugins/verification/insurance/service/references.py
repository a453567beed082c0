"""Saying what a request is about: exactly one of an id, a claim reference, or the data itself."""

from core.constraints import violated_constraint
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.insurance.problems import (
    AMBIGUOUS_REFERENCE,
    DUPLICATE_CLAIM_REFERENCE,
    REQUEST_NOT_FOUND,
)
from ports.storage import Command


def exactly_one(**ways: object) -> str:
    """Return the name of the only way that is given.

    Raises:
        Problem: `ambiguous_reference`, for none or several.
    """
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        detail = f"Give exactly one of {', '.join(ways)}."
        raise Problem(AMBIGUOUS_REFERENCE, detail, faults=[Fault("", AMBIGUOUS_REFERENCE.code, detail)])
    return given[0]


def not_found(pointer: str) -> Problem:
    """Return the problem that nothing is registered under what stands at `pointer`."""
    message = "Nothing is registered under this."
    return Problem(REQUEST_NOT_FOUND, faults=[Fault(pointer, REQUEST_NOT_FOUND.code, message)])


async def insert_once(uow: UnitOfWork, command: Command[None], values: dict[str, object]) -> None:
    """Insert a row with a unique claim reference.

    Raises:
        Problem: `duplicate_claim_reference`; the unique index decides, also between parallel requests.
    """
    try:
        await uow.execute(command, **values)
    except Exception as error:
        if not (violated_constraint(error) or "").endswith("_claim_reference"):
            raise
        fault = Fault("/claim_reference", DUPLICATE_CLAIM_REFERENCE.code, "This reference is taken.")
        raise Problem(DUPLICATE_CLAIM_REFERENCE, faults=[fault]) from error
