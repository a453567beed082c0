"""Query parameters, headers and path parameters: unknown and repeated ones refused, every bad one named.

`ParameterRules(app)` learns them once the application has been built. A request without a query string costs one
look at it. Paths outside of `/api/` belong to pages, which links decorate with parameters of their own, and are not
checked; nor are routes that declare `any_query=True`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, get_args
from urllib.parse import parse_qsl

import msgspec
from litestar import Litestar, Request
from litestar._kwargs import KwargsModel
from litestar.enums import ParamType
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from core.http import problem_types as kinds
from core.http.fault_codes import name_fault
from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.http.schema_faults import MAX_NAME, bare, token, unknown
from core.http.values import decode_value

MAX_PARAMETERS: Final = 100

_TRICKS: Final = re.compile(rb"[%+\x00\x80-\xff]|null", re.IGNORECASE)
"""Encoded and foreign characters, NUL, and the word that msgspec takes for an absent value."""

STATE_KEY: Final = "parameter_rules"
_PREFIXES: Final = {ParamType.QUERY: "?", ParamType.HEADER: "header:", ParamType.COOKIE: "cookie:"}


class Parameter(msgspec.Struct, frozen=True):
    """One parameter that a handler, or a dependency of it, declares."""

    name: str
    source: ParamType
    annotation: Any
    required: bool
    repeatable: bool

    @property
    def pointer(self) -> str:
        """How a fault names it: `?limit`, `header:If-Match`."""
        return _PREFIXES.get(self.source, "") + self.name


class ParameterRules:
    """What the query of each route may hold. Keeps itself in the application's state under `STATE_KEY`."""

    def __init__(self, app: Litestar) -> None:
        app.state[STATE_KEY] = self
        self._declared: dict[BaseRouteHandler, tuple[Parameter, ...]] = {}
        self._queries: dict[BaseRouteHandler, dict[str, Parameter]] = {}
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                for handler, kwargs in route.route_handler_map.values():
                    self._learn(route.path, handler, tuple(_parameters(handler, kwargs)))

    def _learn(self, path: str, handler: HTTPRouteHandler, declared: tuple[Parameter, ...]) -> None:
        self._declared[handler] = declared
        if path.startswith("/api/") and not handler.opt.get("any_query"):
            queries = self._queries.setdefault(handler, {})
            queries |= {parameter.name: parameter for parameter in declared if parameter.source is ParamType.QUERY}

    def declared(self, handler: BaseRouteHandler) -> tuple[Parameter, ...]:
        """Return every parameter of `handler` and its dependencies."""
        return self._declared.get(handler, ())

    def faults(self, query_string: bytes, handler: BaseRouteHandler) -> list[Fault]:
        """Return what is wrong with the query's shape: unknown and repeated parameters, text that cannot be held."""
        known = self._queries.get(handler)
        if known is None or _is_plain(query_string, known):
            return []
        return list(_query_faults(_pairs(query_string), known))


def _is_plain(query_string: bytes, known: dict[str, Parameter]) -> bool:
    """Tell at a glance that there is nothing to refuse: known names, each once, and values without any trick."""
    if _TRICKS.search(query_string):
        return False
    pairs = query_string.decode("ascii").split("&")
    names = {pair.partition("=")[0] for pair in pairs}
    return len(names) == len(pairs) and known.keys() >= names


def enforce_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse a query with an unknown or repeated parameter; values that do not fit are named with it.

    A required parameter that is missing is not: it is most often the one that was misspelt.
    """
    rules: ParameterRules = request.app.state[STATE_KEY]
    handler = request.scope["route_handler"]
    faults = rules.faults(request.scope["query_string"], handler)
    if not faults:
        return
    named = {fault.pointer for fault in faults}
    for parameter in rules.declared(handler):
        if parameter.source is ParamType.QUERY and parameter.pointer not in named:
            faults += [fault for fault in _faults_of(parameter, request) if fault.code != "missing_parameter"]
    raise Problem(VALIDATION_ERROR, faults=sorted(faults, key=lambda fault: fault.pointer))


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Problem(kinds.BAD_REQUEST, "The query is not percent-encoded UTF-8 of a sensible size.") from None


def _query_faults(pairs: list[tuple[str, str]], known: dict[str, Parameter]) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, value in pairs:
        parameter = known.get(name)
        if parameter is None and name not in seen:
            yield Fault(f"?{name[:MAX_NAME]}", "unknown_parameter", unknown(name, known, "parameter"))
        if parameter is not None and name in seen and not parameter.repeatable:
            yield Fault(f"?{name}", "repeated_parameter", f"The parameter {name} may be given once.")
        if parameter is not None and value.lower() == "null":
            yield from _null_faults(parameter, value)
        if "\0" in value:
            yield Fault(f"?{name[:MAX_NAME]}", "nul_character", "NUL characters are refused.")
        seen.add(name)


def _null_faults(parameter: Parameter, value: str) -> Iterator[Fault]:
    """Refuse the word null where text is not expected: msgspec would take it for an absent value."""
    annotation = _without_none(bare(parameter.annotation))
    try:
        msgspec.convert([value] if parameter.repeatable else value, annotation, strict=False, dec_hook=decode_value)
    except msgspec.ValidationError as error:
        yield name_fault(parameter.pointer, bare(annotation), error)


def _parameters(handler: HTTPRouteHandler, kwargs: KwargsModel) -> Iterator[Parameter]:
    providers = (dependency.provide for batch in kwargs.dependency_batches for dependency in batch)
    models = [handler.signature_model, *(provider.signature_model for provider in providers)]
    expected = (
        *kwargs.expected_query_params,
        *kwargs.expected_header_params,
        *kwargs.expected_cookie_params,
        *kwargs.expected_path_params,
    )
    for parameter in expected:
        annotations = (model.__annotations__.get(parameter.field_name) for model in models)
        yield Parameter(
            name=parameter.field_alias,
            source=parameter.param_type,
            annotation=next((found for found in annotations if found is not None), Any),
            required=parameter.is_required,
            repeatable=parameter.is_sequence,
        )


def explain_validation(request: Request[Any, Any, Any], exc: ValidationException) -> Problem:
    """Return what the client is told where Litestar could not make a handler's arguments: every fault, not one.

    A path parameter that does not fit names nothing that exists: 404.
    """
    handler = request.scope.get("route_handler")
    rules: ParameterRules | None = request.app.state.get(STATE_KEY)
    declared = rules.declared(handler) if rules is not None and handler is not None else ()
    faults = [fault for parameter in declared for fault in _faults_of(parameter, request)]
    if any(not fault.pointer.startswith(("?", "header:", "cookie:")) for fault in faults):
        return Problem(kinds.NOT_FOUND)
    faults += _form_faults(exc)
    if not faults and _lacks_body(exc):
        return Problem(kinds.MALFORMED_JSON, "A body is required.")
    return Problem(VALIDATION_ERROR, faults=sorted(faults, key=lambda fault: fault.pointer))


def _faults_of(parameter: Parameter, request: Request[Any, Any, Any]) -> Iterator[Fault]:
    match parameter.source:
        case ParamType.QUERY:
            given = request.query_params.getall(parameter.name, [])
            value: Any = given if parameter.repeatable else (given[-1] if given else None)
        case ParamType.HEADER:
            value = request.headers.get(parameter.name)
        case ParamType.COOKIE:
            value = request.cookies.get(parameter.name)
        case _:
            value = request.path_params.get(parameter.name)
    if value is None or value == []:
        if parameter.required:
            yield Fault(parameter.pointer, "missing_parameter", f"{parameter.name} is required.")
        return
    try:
        msgspec.convert(value, parameter.annotation, strict=False, dec_hook=decode_value)
    except msgspec.ValidationError as error:
        yield name_fault(parameter.pointer, bare(_without_none(parameter.annotation)), error)


def _without_none(annotation: Any) -> Any:
    members = [member for member in get_args(annotation) if member is not type(None)]
    return members[0] if len(members) == 1 and type(None) in get_args(annotation) else annotation


def _form_faults(exc: ValidationException) -> Iterator[Fault]:
    for entry in exc.extra if isinstance(exc.extra, list) else ():
        if entry.get("source") == "body" and entry.get("key") not in (None, "data"):
            pointer = "".join(token(step) for step in str(entry["key"]).split("."))
            yield Fault(pointer, "invalid_value", "The value is not acceptable here.")


def _lacks_body(exc: ValidationException) -> bool:
    entries = exc.extra if isinstance(exc.extra, list) else []
    return any(entry.get("key") == "data" for entry in entries)
