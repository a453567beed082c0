"""The duration of database operations, as the store has measured them, asked of it at each scrape."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from core.telemetry import names
from ports.storage import OPERATION_BUCKETS, Storage

_BOUNDS: Final = (*map(str, OPERATION_BUCKETS), "+Inf")


class OperationDurations(Collector):
    """The histogram `db.client.operation.duration`.

    `storage` is None until the application has opened its store.
    """

    def __init__(self) -> None:
        self.storage: Storage | None = None

    def collect(self) -> Iterable[Metric]:
        """Return durations by operation and kind of failure, which is empty where there was none."""
        if self.storage is None:
            return []
        family = HistogramMetricFamily(
            names.DB_OPERATION_DURATION,
            "Duration of database client operations.",
            labels=(names.DB_SYSTEM_LABEL, names.DB_OPERATION_LABEL, names.ERROR_TYPE_LABEL),
        )
        for one in self.storage.operations():
            labels = (names.DB_SYSTEM_POSTGRESQL, one.operation, one.error)
            family.add_metric(labels, list(zip(_BOUNDS, accumulate(one.counts), strict=True)), one.seconds)
        return [family]
