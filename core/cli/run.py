"""`run`: serve the application."""

import click
from litestar import Litestar

from core.cli.banner import announce
from core.cli.deployment import Failure
from core.faults import StartupError
from core.serving import Address, require_free, serve
from core.telemetry.process import take_output


@click.command
@click.option("-H", "--host", default="127.0.0.1", show_default=True, envvar="LITESTAR_HOST", help="Address to bind.")
@click.option(
    "-p",
    "--port",
    default=8000,
    show_default=True,
    envvar="LITESTAR_PORT",
    type=click.IntRange(1, 65_535),
    help="Port to bind.",
)
@click.option("-w", "--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Serving processes.")
def run(app: Litestar, host: str, port: int, workers: int) -> None:
    """Serve the application; in development, migrate first and run the jobs in the same process."""
    address = Address(host, port)
    try:
        require_free(address)
        announce(app.state.composition, address)
        take_output()
        serve(app, address, workers)
    except StartupError as error:
        raise Failure(str(error)) from None
