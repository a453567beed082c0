"""Where the answers of an operation lead on to, as the OpenAPI document says it.

A route declares `leads_to=(*leads("jobs_show_job", "jobs_cancel_job", job_id="$response.body#/id"), …)`: which
operations go on with what it answers, and where in the exchange each of their parameters stands. Values are constants
or runtime expressions (OpenAPI 3.1, 4.8.20.4).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar.openapi.spec import Link, Reference


class Lead(msgspec.Struct, frozen=True):
    """One operation that goes on, by its `operationId`.

    Attributes:
        operation: which one.
        parameters: its parameters of the query and the path, by name.
        body: fields of its body; the client adds the others.
    """

    operation: str
    parameters: Mapping[str, Any] = {}
    body: Mapping[str, Any] = {}


def leads(*operations: str, **parameters: Any) -> tuple[Lead, ...]:
    """Return how each of `operations` goes on, given the same parameters."""
    return tuple(Lead(operation, parameters) for operation in operations)


def links(declared: Iterable[Lead]) -> dict[str, Link | Reference]:
    """Return the links of an answer, under the names of the operations that they lead to."""
    return {
        lead.operation: Link(
            operation_id=lead.operation,
            parameters=dict(lead.parameters) or None,
            request_body=dict(lead.body) or None,
        )
        for lead in declared
    }
