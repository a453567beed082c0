"""The command line of the bench."""

import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tests.bench.bench import Bench
from tests.bench.database import database
from tests.bench.effort import QUICK, WHOLE, Effort
from tests.bench.load import require_wrk
from tests.bench.machine import description
from tests.bench.peer_environment import PeerEnvironment
from tests.bench.processes import BenchError
from tests.bench.report import Report, summary
from tests.bench.rows import ROWS


@click.command
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds that the medians are taken over.")
@click.option("--seconds", type=click.IntRange(min=1), help="Seconds of load on a server in one round.")
@click.option("--quick", is_flag=True, help="See that everything runs; the figures are hints.")
def main(rows: Sequence[str], rounds: int | None, seconds: int | None, *, quick: bool) -> None:
    """Measure Hexastar against its peers and against itself; without ROWS, everything."""
    chosen = QUICK if quick else WHOLE
    effort = replace(chosen, rounds=rounds or chosen.rounds, seconds=seconds or chosen.seconds)
    # A bench that is told to stop still ends the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        require_wrk()
        complete = _run(rows or list(ROWS), effort)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    if not complete:
        raise click.ClickException("some rows could not be measured")


def _run(rows: Sequence[str], effort: Effort) -> bool:
    """Measure the rows, print each and the summary, and tell whether all could be measured."""
    peers = PeerEnvironment()
    click.echo("\n".join([description(), *peers.different_versions()]))
    reports: list[Report] = []
    with tempfile.TemporaryDirectory(prefix="hexastar-bench-") as name:
        folder = Path(name)
        with database(folder / "postgres") as postgres:
            bench = Bench(effort, postgres, peers, folder)
            bench.deployment("prepare", ["verification"]).migrate()
            postgres.fill_doctors()
            for row in rows:
                try:
                    reports.append(ROWS[row](bench))
                except BenchError as error:
                    click.echo(f"\n## {row} could not be measured\n\n{error}", err=True)
                else:
                    click.echo(f"\n{reports[-1]}")
    click.echo(f"\n{summary(reports)}")
    return len(reports) == len(rows)


if __name__ == "__main__":
    main()
