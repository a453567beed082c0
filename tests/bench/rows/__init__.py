"""The rows, by the names that the command line knows them by."""

from collections.abc import Mapping
from typing import Final

from tests.bench.bench import Row
from tests.bench.rows import (
    bombs,
    exporter,
    inserts,
    jobs,
    limiter,
    lookup,
    overload,
    plugins,
    servers,
    start,
    stub_answers,
    stub_delay,
    stub_journal,
    stub_rules,
    tracing,
)

ROWS: Final[Mapping[str, Row]] = {
    "lookup": lookup.measure,
    "tracing": tracing.measure,
    "exporter": exporter.measure,
    "plugins": plugins.measure,
    "jobs": jobs.measure,
    "servers": servers.measure,
    "inserts": inserts.measure,
    "start": start.measure,
    "limiter": limiter.measure,
    "overload": overload.measure,
    "bombs": bombs.measure,
    "stub-answers": stub_answers.measure,
    "stub-delay": stub_delay.measure,
    "stub-rules": stub_rules.measure,
    "stub-journal": stub_journal.measure,
}
