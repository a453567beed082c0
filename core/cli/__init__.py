"""The command line: `hexastar …`, which is `litestar …` with this application.

Commands that look at a deployment are reachable even where its configuration is broken; they say what is wrong and
end with exit code 78.
"""

import os
import sys
from pathlib import Path
from typing import Final

import click

from core.cli.probe import COMMAND, check_workers
from core.config.sources import PATH_VARIABLE

HOUSE: Final = Path(__file__).parents[2]
"""The folder that holds `app.py` and the packages beside it."""


def main() -> None:
    """Run the command line with this application. `--config FILE` may stand anywhere."""
    arguments = _take_config(sys.argv[1:])
    if arguments == COMMAND:
        sys.exit(check_workers())
    from core.telemetry.process import take_failures

    take_failures()
    os.environ.setdefault("LITESTAR_APP", "app:create_app")
    os.environ.setdefault("LITESTAR_QUIET_CONSOLE", "1")
    # Litestar would read a `.env` of its own finding, and look for the application in the working directory first.
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
    try:
        _run(arguments)
    except click.ClickException as error:
        error.show()  # plainly, so that a list of faults stays a line a fault
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit("Aborted.")


def _run(arguments: list[str]) -> None:
    sys.path.insert(0, str(HOUSE))
    if arguments == ["check"]:  # it loads the application itself, and Litestar's command line would once more before
        from core.cli.inspect import check

        check.main([], standalone_mode=False)
        return
    from litestar.cli.main import litestar_group

    try:
        litestar_group.main(["--app-dir", str(HOUSE), *arguments], prog_name="hexastar", standalone_mode=False)
    except click.UsageError:  # with a faulty configuration, our options and the plugins' commands are not there
        from core.cli.deployment import assembled

        assembled()
        raise


def _take_config(arguments: list[str]) -> list[str]:
    """Take `--config FILE` or `--config=FILE` out of the arguments and put the file where the application looks."""
    for position, argument in enumerate(arguments):
        option, _, file = argument.partition("=")
        if option == "--config":
            rest = arguments[position + 1 :]
            if not file:
                file, rest = "".join(rest[:1]), rest[1:]
            if not file:
                sys.exit("Error: --config needs the name of a file")
            os.environ[PATH_VARIABLE] = file
            return arguments[:position] + rest
    return arguments
