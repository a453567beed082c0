"""Which links were followed: what Schemathesis counts of them while it runs, written down for the summary."""

import json
import os
from pathlib import Path
from typing import Any

from schemathesis import cli
from schemathesis.engine import events


@cli.handler()
class Following:
    """Notes every link of the document that a request has been made by with values of the answer before it."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        self._declared = 0
        self._followed: set[str] = set()

    def start(self, _context: Any) -> None:
        """Begin with nothing."""

    def handle_event(self, _context: Any, event: Any) -> None:
        """Count the links that there are, without those that Schemathesis guesses, and take note of those followed."""
        if isinstance(event, events.PhaseStarted) and event.payload is not None:
            self._declared = event.payload.transitions_selected - event.payload.inferred_transitions
        elif isinstance(event, events.ScenarioFinished):
            for case in event.recorder.cases.values():
                if case.transition is not None and case.is_transition_applied and not case.transition.is_inferred:
                    self._followed.add(case.transition.id)

    def shutdown(self, _context: Any) -> None:
        """Write down what there was."""
        noted = {"followed": sorted(self._followed), "declared": self._declared}
        Path(os.environ["CONFORMANCE_LINKS"]).write_text(json.dumps(noted), encoding="utf-8")
