"""What all runs come to."""

import json
from pathlib import Path
from typing import Any

from tests.conformance.principals import Principal


class Summary:
    """The reports of the runs, and what the servers logged as errors meanwhile."""

    def __init__(self) -> None:
        self._reports: list[tuple[str, dict[str, Any]]] = []
        self._accepted: set[str] = set()
        self._operations: set[str] = set()
        self.log: list[str] = []

    def add(self, principal: Principal, part: str, report: Path) -> None:
        """Take one run's report; a run that left none has failed."""
        name = f"{part}, as {principal.name}"
        found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {"exit_code": "no report"}
        self._reports.append((name, found))
        for operation, phases in found.get("valid_rates", {}).items():
            self._operations.add(operation)
            if any(phase["accepted"] for phase in phases.values()):
                self._accepted.add(operation)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.log and all(report["exit_code"] == 0 for _, report in self._reports)

    def __str__(self) -> str:
        lines = ["\n## Conformance"]
        for name, report in self._reports:
            lines.append(f"{name}: {_line(report)}")
        unreached = sorted(self._operations - self._accepted)
        share = len(self._accepted) / max(1, len(self._operations))
        lines.append(f"reached with a 2xx: {len(self._accepted)} of {len(self._operations)} operations, {share:.0%}")
        lines += [f"  never accepted: {name}" for name in unreached]
        lines.append(f"errors in the servers' logs: {len(self.log)}")
        lines += [f"  {_told(line)}" for line in self.log[:10]]
        return "\n".join(lines)


def _told(line: str) -> str:
    """Return what a line of the log says, and the end of its trace."""
    record = json.loads(line) if line.startswith("{") else {"event": line}
    return "\n    ".join([record["event"], *record.get("exception", "").splitlines()[-6:]])


def _line(report: dict[str, Any]) -> str:
    if "operations" not in report:
        return f"exit {report['exit_code']}"
    operations, cases = report["operations"], report["test_cases"]
    phases = ", ".join(f"{name} {phase['status']}" for name, phase in report["phases"].items())
    warned = sorted(kind for kind, found in report["warnings"].items() if found)
    return (
        f"exit {report['exit_code']}, {operations['selected']}/{operations['total']} operations selected, "
        f"{operations['tested']} tested, {cases['generated']} requests, {cases['unique_failures']} failures, "
        f"{len(report['errors'])} errors, warnings: {', '.join(warned) or 'none'}, {report['running_time']:.0f} s, "
        f"phases: {phases}"
    )
