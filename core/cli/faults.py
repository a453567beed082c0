"""How a faulty configuration ends a command."""

import sys

import click

from core.faults import EX_CONFIG, ConfigurationError


def configuration_failure(error: ConfigurationError) -> click.ClickException:
    """Return the exception that prints every fault and ends the command with exit code 78.

    Within Litestar's command line it is one of Litestar's own, so that this goes on far enough for `--help` and for
    our commands that need no application.
    """
    litestar = sys.modules.get("litestar.cli._utils")
    kind: type[click.ClickException] = litestar.LitestarCLIException if litestar else click.ClickException
    failure: type[click.ClickException] = type("ConfigurationFailure", (kind,), {"exit_code": EX_CONFIG})
    return failure(error.report())
