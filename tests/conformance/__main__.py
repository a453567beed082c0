"""Run Schemathesis over the whole OpenAPI document, as each principal: every check, every phase, warnings too.

The stub's own routes can change what all the others answer, so they are asked on a server of their own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from tests.conformance.deployment import deployment, document, errors, waiting_jobs
from tests.conformance.environment import ROOT, schemathesis
from tests.conformance.principals import ADMIN_KEY, PRINCIPALS, Principal, exceptions, jobs
from tests.conformance.summary import Summary
from tests.end_to_end.served import Server

BASE: Final = Path(__file__).with_name("schemathesis.toml")
STUB: Final = "^/api/v1/_stub"
PARTS: Final = ("domain", "stub")
LEAST_LINKS: Final = 30
"""How many links the administrator has to follow."""

UNLINKED: Final = "examples,coverage,fuzzing"
"""The phases in which an operation is asked by itself."""

NAMES: Final = [principal.name for principal in PRINCIPALS]


@click.command
@click.option("--principal", "chosen", multiple=True, type=click.Choice(NAMES), help="As whom to ask; else as all.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS, help="Which server to ask.")
@click.option("--seed", "seeds", multiple=True, type=int, default=[1], help="Where the requests come from.")
@click.option("--examples", default=15, help="Requests that each operation is tried with when fuzzing.")
@click.option("--full", is_flag=True, help="At a release's counts: seeds 1 to 3, 50 requests an operation.")
@click.option("--only", help="Operations whose path matches this, for mending one of them.")
def main(
    chosen: Sequence[str], parts: Sequence[str], seeds: Sequence[int], examples: int, only: str | None, *, full: bool
) -> None:
    """Ask, and fail on any failure, error or warning, and on any error in the server's log."""
    command = schemathesis()
    seeds, examples = ((1, 2, 3), 50) if full else (seeds, examples)
    is_whole = not only and set(parts) == set(PARTS)
    summary = Summary(least_links=LEAST_LINKS if is_whole else 0)
    with tempfile.TemporaryDirectory(prefix="hexastar-conformance-") as temporary:
        folder = Path(temporary)
        for name in parts:
            stub = name == "stub"
            part = ["--include-path-regex", STUB if stub else only] if stub or only else []
            part += ["--phases", UNLINKED] if only else []
            with deployment(folder / name, stub=stub) as server:
                for principal in PRINCIPALS:
                    if not chosen or principal.name in chosen:
                        for seed in seeds:
                            run = Run(command, server, principal, folder)
                            summary.add(principal, name, seed, *run.ask(part, seed, examples))
                summary.log += errors(server)
    click.echo(str(summary))
    sys.exit(not summary.is_clean)


class Run:
    """One run of Schemathesis against a server, as one principal."""

    def __init__(self, command: str, server: Server, principal: Principal, folder: Path) -> None:
        self._command = command
        self._server = server
        self._principal = principal
        self._folder = folder

    def ask(self, part: Sequence[str], seed: int, examples: int) -> tuple[Path, Path]:
        """Run and return where the report is, and which links were followed."""
        configuration = self._folder / f"{self._principal.name}.toml"
        added = jobs(waiting_jobs(self._server)) + exceptions(document(self._server), self._principal)
        configuration.write_text(BASE.read_text(encoding="utf-8") + added, encoding="utf-8")
        report = self._folder / "report.json"
        header = ["--header", self._principal.header] if self._principal.header else []
        arguments = [
            "--no-color",
            "--config-file",
            str(configuration),
            "run",
            f"{self._server.url}/schema/openapi.json",
        ]
        arguments += [*header, *part, "--seed", str(seed), "--max-examples", str(examples)]
        arguments += ["--report", "json", "--report-json-path", str(report)]
        click.echo(f"\n## As {self._principal.name}, seed {seed}, {' '.join(part)}\n")
        links = self._folder / "links.json"
        report.unlink(missing_ok=True)
        links.unlink(missing_ok=True)
        environ = {**os.environ, "CONFORMANCE_ADMIN_KEY": ADMIN_KEY, "CONFORMANCE_LINKS": str(links)}
        subprocess.run([self._command, *arguments], cwd=ROOT, env=environ, check=False)
        return report, links


if __name__ == "__main__":
    main()
