"""The exported document is what the application serves, is valid, and holds every route of the API and nothing else."""

import re
from pathlib import Path

import msgspec
import pytest
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from core.application import build_application
from core.composition import compose
from core.http.problem_types import ALL

RENEW = "hexastar schema openapi --output docs/openapi.json"


@pytest.fixture(scope="module")
def app(hexastar_config, tmp_path_factory):
    """The application that the project's own file composes."""
    return build_application(compose(hexastar_config, {"HEXASTAR__STATE_DIR": str(tmp_path_factory.mktemp("state"))}))


@pytest.fixture(scope="module")
def document(app):
    return msgspec.json.decode(encode(app))


def encode(app) -> bytes:
    return msgspec.json.format(msgspec.json.encode(app.openapi_schema.to_schema()), indent=4)


def test_what_is_exported_is_what_is_served(app, pytestconfig):
    exported = Path(pytestconfig.rootpath / "docs" / "openapi.json")
    assert exported.read_bytes() == encode(app), f"docs/openapi.json is out of date; renew it: {RENEW}"


def test_is_a_valid_openapi_document(document):
    assert document["openapi"].startswith("3.1")
    assert [fault.message for fault in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_served_route_is_documented_and_every_documented_one_is_served(app, document):
    served = {
        f"{method} {route.path_format}"
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/v1")
        for method in route.route_handler_map
        if method != "OPTIONS"
    }
    documented = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        if path.startswith("/api/v1")
        for method in operations
    }
    assert served == documented


def test_every_code_that_is_listed_has_a_page(app, document):
    listed = {
        code
        for path in document["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        for code in content["schema"].get("properties", {}).get("code", {}).get("enum", ())
    }
    assert len(listed) > 50
    assert listed <= {kind.code for kind in app.state.problems}


def test_every_kind_of_problem_of_a_plugin_is_one_that_some_route_lists(app, document):
    text = msgspec.json.encode(document).decode()
    own = {kind.code for kind in app.state.composition.declarations.problems} - {kind.code for kind in ALL}
    assert {code for code in own if f'"{code}"' not in text} == set()


def operations(document):
    """Return every operation."""
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_names_of_operations_are_different_ones_and_have_no_spaces(document):
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9_]+", name)] == []


def test_links_lead_to_operations_that_there_are_with_values_that_there_are(document):
    named = {operation["operationId"]: operation for operation in operations(document)}
    links = [
        (operation, answer, link)
        for operation in named.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 60
    for operation, answer, link in links:
        target = named[link["operationId"]]
        given, fields = link.get("parameters", {}), link.get("requestBody", {})
        assert parameters(target, "path") <= set(given) <= parameters(target, "path", "query")
        assert all(found(document, body_of(target["requestBody"]), [field]) is not None for field in fields)
        for expression in [*given.values(), *fields.values()]:
            assert names_a_value(document, operation, answer, expression), expression


def parameters(operation, *places):
    """Return the names of the parameters that an operation takes in these places."""
    return {each["name"] for each in operation.get("parameters", ()) if each.get("in") in places}


def body_of(holder):
    """Return the schema of what is sent or answered."""
    return holder["content"]["application/json"]["schema"]


def names_a_value(document, operation, answer, expression):
    """Tell whether the exchange holds what the expression of a link names."""
    source, _, pointer = expression.partition("#/")
    if source == "$response.body":
        schema = body_of(answer)
        return schema == {} or found(document, schema, pointer.split("/")) is not None
    if source == "$request.body":
        return found(document, body_of(operation["requestBody"]), pointer.split("/")) is not None
    return expression.removeprefix("$request.query.") in parameters(operation, "query")


def found(document, schema, steps):
    """Return the schema of what stands at a JSON Pointer, or None."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if not steps:
        return schema
    inner = schema.get("items") if steps[0].isdigit() else schema.get("properties", {}).get(steps[0])
    return inner and found(document, inner, steps[1:])
