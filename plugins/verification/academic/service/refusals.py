"""How what the rules find becomes one problem document."""

from collections.abc import Iterable
from typing import Final

from core.http.problems import VALIDATION_ERROR, Fault, Problem, ProblemType
from plugins.verification.academic.problems import ACADEMIC_PROBLEMS
from plugins.verification.academic.rules.faults import RuleFault
from plugins.verification.problems import DATE_ORDER

_KINDS: Final = {kind.code: kind for kind in (VALIDATION_ERROR, DATE_ORDER, *ACADEMIC_PROBLEMS)}


def refuse_faults(found: Iterable[RuleFault]) -> None:
    """Do nothing where nothing was found.

    Raises:
        Problem: of the kind of the first fault with the lowest status, naming all of them.
    """
    faults = [Fault(fault.pointer, fault.code, fault.message) for fault in found]
    if faults:
        kind = min((_KINDS[fault.code] for fault in faults), key=lambda kind: kind.status)
        raise Problem(kind, faults=faults)


def refusal(kind: ProblemType, pointer: str, message: str) -> Problem:
    """Return the problem that one place of a request causes."""
    return Problem(kind, faults=[Fault(pointer, kind.code, message)])
