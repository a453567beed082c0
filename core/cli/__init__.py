"""The command line: `hexastar …`, which is `litestar …` with this application.

Commands that look at a deployment are reachable even where its configuration is broken; they say what is wrong and
end with exit code 78.
"""

import os
import sys

import click
from litestar.plugins import CLIPlugin

from core.cli.run import run
from core.composition import Composition
from core.config import PATH_VARIABLE


class CommandLine(CLIPlugin):
    """Adds our `run`, and each plugin's commands as `<plugin> <command>`."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition

    def on_cli_init(self, cli: click.Group) -> None:
        """Add the commands to Litestar's."""
        cli.add_command(run)
        for plugin, commands in self._composition.declarations.commands:
            group = click.Group(plugin.name, help=plugin.manifest.summary)
            for command in commands:
                group.add_command(command)
            cli.add_command(group)


def main() -> None:
    """Run the command line with this application. `--config FILE` may stand anywhere."""
    arguments = sys.argv[1:]
    if "--config" in arguments:
        position = arguments.index("--config")
        os.environ[PATH_VARIABLE] = "".join(arguments[position + 1 : position + 2])
        del arguments[position : position + 2]
    os.environ.setdefault("LITESTAR_APP", "app:create_app")
    os.environ.setdefault("LITESTAR_QUIET_CONSOLE", "1")
    from litestar.cli.main import litestar_group

    try:
        litestar_group.main(arguments, prog_name="hexastar", standalone_mode=False)
    except click.ClickException as error:
        error.show()  # plainly, so that a list of faults stays a line a fault
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit("Aborted.")
