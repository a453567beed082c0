"""The composition root: plugins.toml in, a Litestar application out."""

import os

from litestar import Litestar
from litestar.cli._utils import LitestarCLIException

from core.application import build_application
from core.composition import compose
from core.faults import EX_CONFIG, ConfigurationError


class ConfigurationExit(LitestarCLIException):
    """Ends a command with the list of faults and exit code 78; `--help` and `check` stay reachable."""

    exit_code = EX_CONFIG


def create_app() -> Litestar:
    """Compose what plugins.toml says and return the application.

    Raises:
        ConfigurationExit: with every fault of the configuration.
    """
    try:
        return build_application(compose(None, os.environ))
    except ConfigurationError as error:
        raise ConfigurationExit(error.report()) from None
