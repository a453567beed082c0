"""What the command line gains from this application: our `run`, and the plugins' commands."""

import click
from litestar.plugins import CLIPlugin

from core.cli.run import run
from core.composition import Composition


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
