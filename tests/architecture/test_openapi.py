"""The exported document is what the application serves, is valid, and holds every route of the API and nothing else."""

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
