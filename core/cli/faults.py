"""How a faulty configuration ends a command."""

import click

from core.faults import EX_CONFIG, ConfigurationError


def configuration_failure(error: ConfigurationError) -> click.ClickException:
    """Return the exception that prints every fault and ends the command with exit code 78.

    It is one of Litestar's own, so that its command line goes on far enough for `--help` and for our commands that
    need no application.
    """
    from litestar.cli._utils import LitestarCLIException

    class ConfigurationFailure(LitestarCLIException):
        exit_code = EX_CONFIG

    return ConfigurationFailure(error.report())
