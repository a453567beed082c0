"""Which states a scenario can come to be in."""

from collections.abc import Iterable

from plugins.verification.stub.rules.definition import INITIAL_STATE

Step = tuple[str | None, str | None]
"""What one rule requires (None: any state), and what it leads to (None: it stays)."""


def reachable_states(steps: Iterable[Step]) -> set[str]:
    """Return the states to which a chain of steps leads from the first one."""
    left = [(required, new) for required, new in steps if new is not None]
    reached = {INITIAL_STATE}
    grows = True
    while grows:
        found = {new for required, new in left if required is None or required in reached}
        grows = not found <= reached
        reached |= found
    return reached


def named_states(steps: Iterable[Step]) -> list[str]:
    """Return every state that the steps name, the first one first and the others in alphabetical order."""
    named = {state for step in steps for state in step if state is not None}
    return [INITIAL_STATE, *sorted(named - {INITIAL_STATE})]
