"""The OpenAPI document: what Litestar reads off the signatures, and what only this application knows.

That is the refusals, the credentials, Idempotency-Key, the headers of every answer, where it leads on to, and the names
of operations. The document is made at the first request for it, rendered once, and says the same in every process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final, cast

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIHeader,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    Schema,
    SecurityScheme,
)
from litestar.plugins import OpenAPISchemaPlugin
from litestar.routes import HTTPRoute
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from core.auth import Access, Demand
from core.http.idempotency import MAX_KEY_LENGTH
from core.http.openapi_links import links
from core.http.openapi_refusals import (
    RATE_LIMIT_HEADERS,
    REQUEST_ID,
    Endpoint,
    refusals,
    request_id,
    shared_refusals,
)
from core.http.openapi_types import TypeNotes, resolve

_STRING: Final = Schema(type=OpenAPIType.STRING)
_KEY: Final = Parameter(
    name="Idempotency-Key",
    param_in="header",
    description="Sent again under the same key, the request is answered again and not done again (24 hours).",
    schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_KEY_LENGTH, pattern="^[ -~]+$"),
)
_REPLAYED: Final = OpenAPIHeader(
    description="`true`: the answer of an earlier request with this Idempotency-Key.", schema=_STRING
)
_CREDENTIALS: Final = {
    "api_key": ("apiKey", SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header")),
    "bearer": ("bearer", SecurityScheme(type="http", scheme="bearer")),
}
"""The kinds of credential that a client may show, and what the document calls them."""

_LITESTARS_OWN: Final = "400"
"""The refusal that Litestar describes by itself, in a form that nobody gets."""

DOCUMENT_PLUGINS: Final[tuple[OpenAPISchemaPlugin, ...]] = (TypeNotes(),)
"""For the application's plugins."""


class Document(OpenAPI):
    """The document, in an order that does not depend on that of registration."""

    def to_schema(self) -> dict[str, Any]:
        """Return the document as it is served and exported."""
        document = super().to_schema()
        document["paths"] = dict(sorted(document["paths"].items()))
        resolve(document)
        return document


class DocumentConfig(OpenAPIConfig):
    """The configuration of `Document`."""

    def to_openapi_schema(self) -> OpenAPI:
        """Return the empty document."""
        made = super().to_openapi_schema()
        return Document(**{field.name: getattr(made, field.name) for field in fields(made)})


def components(credentials: Iterable[str]) -> Components:
    """Return what operations refer to; `credentials` are the kinds that are accepted here."""
    return Components(
        responses=shared_refusals(),
        parameters={"IdempotencyKey": _KEY},
        headers={
            REQUEST_ID: OpenAPIHeader(description="Names this request; sent along, it is kept.", schema=_STRING),
            "IdempotentReplayed": _REPLAYED,
        },
        security_schemes={name: scheme for kind, (name, scheme) in _CREDENTIALS.items() if kind in set(credentials)},
    )


def name_operation(
    handler: HTTPRouteHandler, _method: Method, path_components: list[str | PathParameterDefinition]
) -> str:
    """Return a stable name for clients to be generated with: the group and the handler's, `doctors_verify`."""
    group, name = _tags(handler)[0].replace(" ", "_"), handler.handler_name
    parts = [name] if group in name.split("_") else [group, name]
    several = len(handler.paths) > 1
    return "_".join([*parts, *map(str, path_components)] if several else parts)


def document_operations(app: Litestar, credentials: Iterable[str], counted: str | None = None) -> None:
    """Have the document tell more of every operation. Call once, after the application has been built.

    `counted` is the beginning of the paths where each client's requests are limited.
    """
    schemes = [name for kind, (name, _) in _CREDENTIALS.items() if kind in set(credentials)]
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, kwargs) in route.route_handler_map.items():
                is_counted = counted is not None and route.path.startswith(counted)
                endpoint = Endpoint(method, route.path, handler, kwargs, is_counted)
                handler.responses = _without_inventions(handler.responses)
                _share(app, endpoint.overlay_parameters)
                handler.operation_class = cast("type[Operation]", partial(_operation, endpoint, schemes))


def _share(app: Litestar, parameters: Mapping[str, Parameter]) -> None:
    """Put parameters that many operations refer to where they refer to."""
    config = app.openapi_config
    if parameters and config is not None and isinstance(config.components, Components):
        config.components.parameters = {**(config.components.parameters or {}), **parameters}


def _without_inventions(responses: Mapping[int, ResponseSpec] | None) -> Mapping[int, ResponseSpec] | None:
    """Return the answers that a route states, without the examples that Litestar would make up anew in each process."""
    return responses and {status: replace(spec, generate_examples=False) for status, spec in responses.items()}


def _operation(endpoint: Endpoint, schemes: list[str], /, **stated: Any) -> Operation:
    """Return the operation: what Litestar states, completed."""
    operation = Operation(**stated)
    answers = {
        status: _complete(endpoint, answer)
        for status, answer in sorted((operation.responses or {}).items())
        if status != _LITESTARS_OWN and isinstance(answer, OpenAPIResponse)
    }
    parameters = [_without_null(parameter) for parameter in operation.parameters or []]
    if endpoint.honours_key:
        parameters.append(Reference(ref="#/components/parameters/IdempotencyKey"))
    parameters += [Reference(ref=f"#/components/parameters/{name}") for name in endpoint.overlay_parameters]
    return replace(
        operation,
        tags=_tags(endpoint.handler),
        parameters=parameters or None,
        responses={**answers, **refusals(endpoint)},
        security=_security(endpoint.access, schemes),
    )


def _tags(handler: HTTPRouteHandler) -> list[str]:
    """Return the group of a route: what its innermost layer says, and the plugin's name where none does."""
    named = (layer.tags for layer in reversed(handler.ownership_layers))
    return sorted(next(filter(None, named), [handler.opt.get("plugin", "default")]))


def _complete(endpoint: Endpoint, answer: OpenAPIResponse) -> OpenAPIResponse:
    # Litestar keeps a route's headers in a set: without an order of ours, each process would write another document.
    headers: dict[str, OpenAPIHeader | Reference] = {**dict(sorted((answer.headers or {}).items())), **request_id()}
    if endpoint.is_limited:
        headers.update(RATE_LIMIT_HEADERS)
    for header in headers.values():
        if isinstance(header, OpenAPIHeader) and header.schema is None:
            header.schema = _STRING
    if endpoint.honours_key:
        headers["Idempotent-Replayed"] = Reference(ref="#/components/headers/IdempotentReplayed")
    return replace(answer, headers=headers, links=links(endpoint.handler.opt.get("leads_to", ())) or None)


def _security(access: Access | None, schemes: list[str]) -> list[dict[str, list[str]]] | None:
    """Return the alternatives among credentials, each with the scope that it needs."""
    if access is None or access.demand is Demand.NOTHING:
        return None
    return [{scheme: [access.scope] if access.scope else []} for scheme in schemes]


def _without_null(parameter: Parameter | Reference) -> Parameter | Reference:
    """Describe a parameter that may be left out by its values: a query cannot say null."""
    if not isinstance(parameter, Parameter) or not isinstance(parameter.schema, Schema):
        return parameter
    schema = parameter.schema
    if schema.enum and None in schema.enum:
        schema = replace(schema, enum=[value for value in schema.enum if value is not None], type=OpenAPIType.STRING)
    members = [member for member in schema.one_of or [] if not _is_null(member)]
    if len(members) == 1 and isinstance(members[0], Schema):
        outer = {field.name: getattr(schema, field.name) for field in fields(schema) if field.name != "one_of"}
        schema = replace(members[0], **{name: value for name, value in outer.items() if value is not None})
    return replace(parameter, schema=schema)


def _is_null(member: Schema | Reference) -> bool:
    return isinstance(member, Schema) and member.type == OpenAPIType.NULL
