"""The rows, by the names that the command line knows them by."""

from collections.abc import Mapping
from typing import Final

from tests.bench.bench import Row
from tests.bench.rows import inserts, jobs, limiter, lookup, overload, plugins, servers, start, tracing

ROWS: Final[Mapping[str, Row]] = {
    "lookup": lookup.measure,
    "tracing": tracing.measure,
    "plugins": plugins.measure,
    "jobs": jobs.measure,
    "servers": servers.measure,
    "inserts": inserts.measure,
    "start": start.measure,
    "limiter": limiter.measure,
    "overload": overload.measure,
}
