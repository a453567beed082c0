"""The one PostgreSQL of a run, with a hundred thousand doctors in Hexastar's own table."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from adapters.storage.embedded_postgres import serving

DOCTORS: Final = 100_000

FILL: Final = """
INSERT INTO verification.doctors (
    id, doctor_id, full_name, npi, specialization, license_number, license_state, license_type, license_status,
    license_issued_on, license_expires_on, license_restrictions, issuing_board
)
SELECT
    gen_random_uuid(), 'DOC-' || lpad(n::text, 6, '0'), 'Doctor Number ' || n, NULL,
    (ARRAY['cardiology', 'surgery', 'pediatrics', 'neurology'])[1 + n % 4],
    'LIC-' || lpad(n::text, 6, '0'), (ARRAY['NY', 'CA', 'TX'])[1 + n % 3], 'MD',
    (ARRAY['active', 'active', 'active', 'probation'])[1 + n % 4],
    date '2010-01-01' + n % 3000, date '2024-01-01' + n % 3000,
    CASE WHEN n % 4 = 3 THEN '["supervised practice"]'::jsonb ELSE '[]'::jsonb END,
    'Medical Board of ' || (ARRAY['NY', 'CA', 'TX'])[1 + n % 3]
FROM generate_series(1, $1::integer) AS n
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A running server, reached through a Unix socket by everybody alike."""

    dsn: str

    def execute(self, statement: str, *arguments: Any) -> None:
        """Run one statement."""
        asyncio.run(self._on_connection("execute", statement, *arguments))

    def value(self, query: str, *arguments: Any) -> Any:
        """Return the first column of a query's first row."""
        return asyncio.run(self._on_connection("fetchval", query, *arguments))

    def fill_doctors(self) -> None:
        """Put the doctors into their table, which is there already and empty."""
        self.execute(FILL, DOCTORS)
        self.execute("VACUUM ANALYZE verification.doctors")

    async def _on_connection(self, method: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await getattr(connection, method)(*arguments)
        finally:
            await connection.close()


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    """Start a server over an empty folder and stop it on leaving."""
    with asyncio.Runner() as runner:
        server = serving(folder)
        dsn = runner.run(server.__aenter__())
        try:
            yield Database(dsn)
        finally:
            runner.run(server.__aexit__(None, None, None))
