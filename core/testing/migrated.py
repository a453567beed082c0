"""The migrated template that each test database is a copy of."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from core.composition import compose
from core.migrations import History, Migrator
from ports.secrets import Secret

PREFIX = "hexastar_test_"


def environ_for_tests(dsn: Secret, overrides: Mapping[str, str], state: Path) -> dict[str, str]:
    """Return the environment of an application under test: this database, kept state, no worker of its own."""
    return {
        "HEXASTAR__PROFILE": "test",
        "HEXASTAR__STATE_DIR": str(state),
        "HEXASTAR__PORTS__STORAGE": "postgres",
        "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": dsn.reveal(),
        **overrides,
    }


def template_name(config: Path, overrides: Mapping[str, str]) -> str:
    """Return the template's name: the same for the same configuration."""
    described = repr((config.read_text(encoding="utf-8"), sorted(overrides.items())))
    return PREFIX + hashlib.sha256(described.encode()).hexdigest()[:12]


async def migrate(dsn: Secret, config: Path, overrides: Mapping[str, str]) -> None:
    """Bring the database at `dsn` to the head of every history of the configuration."""
    composition = compose(config, environ_for_tests(dsn, overrides, config.parent))
    histories: list[History] = list(composition.declarations.histories)
    binding = composition.bindings["storage"]
    async with binding.open(binding.settings) as storage:
        await Migrator(storage, histories).upgrade(lambda _step: None)
