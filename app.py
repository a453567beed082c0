"""The composition root: plugins.toml in, a Litestar application out."""

import gc

gc.disable()  # what is imported stays; looking through it for garbage as it grows was a tenth of the start

import os

from litestar import Litestar

from core.application import build_application
from core.cli.faults import configuration_failure
from core.composition import compose
from core.faults import ConfigurationError
from core.telemetry.process import take_process

gc.enable()


def create_app() -> Litestar:
    """Compose what plugins.toml says and return the application.

    Raises:
        ClickException: with every fault of the configuration; it ends a command with exit code 78.
    """
    try:
        app = build_application(compose(None, os.environ))
    except ConfigurationError as error:
        raise configuration_failure(error) from None
    take_process()
    return app
