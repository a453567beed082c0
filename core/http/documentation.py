"""What the OpenAPI document says beyond the signatures of handlers: refusals, Idempotency-Key, our value types."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar
from litestar._openapi.schema_generation import SchemaCreator
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    Schema,
)
from litestar.plugins import OpenAPISchemaPlugin
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from core.http.idempotency import MAX_KEY_LENGTH
from core.http.problems import PROBLEM_MEDIA_TYPE
from core.http.values import CurrencyAmount, EmailAddress, Money, Refinement

_STRING: Final = Schema(type=OpenAPIType.STRING)
_FAULT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["pointer", "code", "message"],
    properties={
        "pointer": _STRING,
        "code": _STRING,
        "message": _STRING,
        "meta": Schema(type=OpenAPIType.OBJECT),
    },
)
_DOCUMENT: Final = Schema(
    title="Problem",
    description="RFC 9457. `type` is a path on this server where the problem is described.",
    type=OpenAPIType.OBJECT,
    required=["type", "title", "status", "code", "detail", "instance"],
    properties={
        **dict.fromkeys(("type", "title", "code", "detail", "instance", "request_id", "trace_id"), _STRING),
        "status": Schema(type=OpenAPIType.INTEGER),
        "errors": Schema(type=OpenAPIType.ARRAY, items=_FAULT),
    },
)

PROBLEM_COMPONENTS: Final = Components(
    schemas={"Problem": _DOCUMENT},
    parameters={
        "IdempotencyKey": Parameter(
            name="Idempotency-Key",
            param_in="header",
            description="Sent again under the same key, the request is answered again and not done again (24 hours).",
            schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_KEY_LENGTH, pattern="^[ -~]+$"),
        )
    },
)
"""Components for the application's OpenAPIConfig."""

_REFUSAL: Final = OpenAPIResponse(
    description="Refused: a problem document.",
    content={PROBLEM_MEDIA_TYPE: OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))},
)
_KEY: Final = Reference(ref="#/components/parameters/IdempotencyKey")


@dataclass
class RefusableOperation(Operation):
    """An operation that answers every refusal with a problem document."""

    def __post_init__(self) -> None:
        """Replace Litestar's own description of a 400 by the default response."""
        answers = {
            status: answer
            for status, answer in (self.responses or {}).items()
            if status != str(HTTPStatus.BAD_REQUEST.value)
        }
        self.responses = {**answers, "default": _REFUSAL}


@dataclass
class RepeatableOperation(RefusableOperation):
    """A refusable operation that honours Idempotency-Key."""

    def __post_init__(self) -> None:
        """Add the header."""
        super().__post_init__()
        self.parameters = [*(self.parameters or []), _KEY]


def document_refusals(app: Litestar) -> None:
    """Have the OpenAPI document tell of refusals and keys. Call once, after the application has been built."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                handler.operation_class = _operation(method, handler)


def _operation(method: str, handler: HTTPRouteHandler) -> type[Operation]:
    repeatable = method == "POST" and handler.opt.get("idempotency") != "none"
    return RepeatableOperation if repeatable else RefusableOperation


class RefinementSchemas(OpenAPISchemaPlugin):
    """Describes the value types of `core.http.values`: they are strings."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Tell whether `value` is such a type."""
        return isinstance(value, Refinement)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:  # noqa: ARG002 - Litestar's signature
        """Return the schema of the type."""
        kind = field_definition.annotation
        if issubclass(kind, Money):
            decimals = CurrencyAmount.max_decimals if issubclass(kind, CurrencyAmount) else Money.max_decimals
            pattern = rf"^-?[0-9]{{1,15}}(\.[0-9]{{1,{decimals}}})?$"
            return Schema(type=OpenAPIType.STRING, pattern=pattern, examples=["29.99"])
        if issubclass(kind, EmailAddress):
            return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.IDN_EMAIL)
        return Schema(type=OpenAPIType.STRING)
