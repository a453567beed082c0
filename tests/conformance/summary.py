"""What all runs come to."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.conformance.principals import Principal


class Summary:
    """The reports of the runs, and what the servers logged as errors meanwhile.

    Args:
        least_links: how many links of the document whoever may follow all of them has to follow, with each seed.
    """

    def __init__(self, least_links: int = 0) -> None:
        self._least_links = least_links
        self._links: dict[tuple[Principal, int], Links] = defaultdict(Links)
        self._reports: list[tuple[str, dict[str, Any]]] = []
        self._accepted: set[str] = set()
        self._operations: set[str] = set()
        self.log: list[str] = []

    def add(self, principal: Principal, part: str, seed: int, report: Path, links: Path) -> None:
        """Take one run's report, and the links that it followed; a run that left no report has failed."""
        name = f"{part}, as {principal.name}, seed {seed}"
        followed = self._links[principal, seed]
        if links.is_file():
            followed.add(json.loads(links.read_text(encoding="utf-8")))
        found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {"exit_code": "no report"}
        self._reports.append((name, found))
        for operation, phases in found.get("valid_rates", {}).items():
            self._operations.add(operation)
            if any(phase["accepted"] for phase in phases.values()):
                self._accepted.add(operation)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.log and self.follows_enough and all(report["exit_code"] == 0 for _, report in self._reports)

    @property
    def follows_enough(self) -> bool:
        """Whether whoever may follow every link has followed as many as are demanded."""
        counts = [len(links.followed) for (principal, _), links in self._links.items() if principal.scopes is None]
        return all(count >= self._least_links for count in counts)

    def __str__(self) -> str:
        lines = ["\n## Conformance"]
        for name, report in self._reports:
            lines.append(f"{name}: {_line(report)}")
        unreached = sorted(self._operations - self._accepted)
        share = len(self._accepted) / max(1, len(self._operations))
        lines.append(f"reached with a 2xx: {len(self._accepted)} of {len(self._operations)} operations, {share:.0%}")
        lines += [f"  never accepted: {name}" for name in unreached]
        for (principal, seed), links in self._links.items():
            wanted = f" (at least {self._least_links})" if principal.scopes is None else ""
            lines.append(f"links followed as {principal.name}, seed {seed}: {links}{wanted}")
        lines.append(f"errors in the servers' logs: {len(self.log)}")
        lines += [f"  {_told(line)}" for line in self.log[:10]]
        return "\n".join(lines)


class Links:
    """The links of the document that were followed, and how many it has."""

    def __init__(self) -> None:
        self.followed: set[str] = set()
        self._declared = 0

    def add(self, noted: dict[str, Any]) -> None:
        """Take what one run noted; links that nobody declared are none of these."""
        self.followed.update(noted["followed"])
        self._declared += noted["declared"]

    def __str__(self) -> str:
        return f"{len(self.followed)} of {self._declared}"


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
