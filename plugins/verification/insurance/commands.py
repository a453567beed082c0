"""`litestar verification load-icd`."""

from pathlib import Path

import click

from core.cli.deployment import Failure, with_services
from core.injection import Services
from plugins.verification.insurance.service import icd


@click.command("load-icd")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A tab-separated list.")
def load_icd(file: Path | None) -> None:
    """Load or refresh the list of ICD-10-CM codes.

    Without a file, the list of the package simple-icd-10-cm is loaded (install the extra `icd`).
    """

    async def work(services: Services) -> None:
        try:
            loaded = await icd.load(services.units, file, _show)
        except (ModuleNotFoundError, ValueError) as error:
            raise Failure(f"{error}; give a --file, or install the extra: pip install 'hexastar[icd]'") from None
        state = "loaded" if loaded.changed else "already loaded"
        click.echo(f"{loaded.codes} codes {state} (sha256 {loaded.checksum[:12]})")

    with_services(work)


def _show(written: int, every: int) -> None:
    click.echo(f"{written} of {every} codes", err=True)
