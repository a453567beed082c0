"""The OpenAPI document tells of refusals, credentials, keys and our own types, and costs nothing until asked for."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Response, get, post
from litestar.di import Provide
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.testing import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from core.auth import AUTHENTICATED, PUBLIC, scope
from core.http.documentation import RenderedOnce
from core.http.injected import Injected
from core.http.openapi import (
    DOCUMENT_PLUGINS,
    DocumentConfig,
    components,
    document_operations,
    name_operation,
)
from core.http.pagination import Page
from core.http.problems import ProblemType
from core.http.rate_limit import RateLimit
from core.http.values import CurrencyAmount, EmailAddress, HeaderText, Money

GONE = ProblemType("payment_gone", 404, "The payment is gone")


class Payment(msgspec.Struct, forbid_unknown_fields=True):
    amount: Money
    foreign: CurrencyAmount
    payer: EmailAddress
    note: HeaderText = ""


class Receipt(msgspec.Struct):
    amount: Decimal
    note: str | None = None
    hint: str | msgspec.UnsetType = msgspec.UNSET


@post("/api/payments", access=scope("payments:write"))
async def pay(data: JSONBody[Payment], uow: Injected[Any]) -> Receipt:
    return Receipt(data.amount)


@post("/api/tokens", access=PUBLIC, idempotency="none", rate_limit=RateLimit("tokens", 5))
async def token(uow: Injected[Any]) -> str:
    return ""


@get("/api/payments", access=AUTHENTICATED)
async def payments(
    note: Annotated[str | None, QueryParameter(pattern=r"^[a-z]+$(?!\n)", description="Only these.")] = None,
) -> Response[Page[Receipt]]:
    raise NotImplementedError


@get("/api/payments/{number:int}", access=PUBLIC, problems=(GONE,), tags=["paying"])
async def payment(number: FromPath[int]) -> Receipt:
    raise NotImplementedError


def application(counted: str | None = None) -> Litestar:
    config = DocumentConfig(
        title="T",
        version="1",
        components=components(["api_key"]),
        operation_id_creator=name_operation,
        render_plugins=[RenderedOnce(JsonRenderPlugin())],
    )
    app = Litestar(
        [pay, token, payments, payment],
        openapi_config=config,
        plugins=DOCUMENT_PLUGINS,
        dependencies={"uow": Provide(lambda: None, sync_to_thread=False)},
        opt={"plugin": "bank"},
    )
    document_operations(app, ["api_key"], counted)
    return app


def document() -> dict[str, Any]:
    return application().openapi_schema.to_schema()


def answer(operation: dict[str, Any], status: str) -> dict[str, Any]:
    stated = operation["responses"][status]
    name = stated.get("$ref", "").rpartition("/")[2]
    return document()["components"]["responses"][name] if name else stated


def codes(operation: dict[str, Any], status: str) -> list[str]:
    schema = answer(operation, status)["content"]["application/problem+json"]["schema"]
    return schema["properties"]["code"]["enum"]


def test_is_a_valid_document() -> None:
    encoded = msgspec.json.decode(msgspec.json.encode(document()))
    assert list(OpenAPIV31SpecValidator(encoded).iter_errors()) == []


def test_every_refusal_is_a_problem_document_of_listed_codes() -> None:
    for path in document()["paths"].values():
        for operation in path.values():
            refusals = {status for status in operation["responses"] if status[0] in "45"}
            assert {"401", "500", "503"} <= refusals
            for status in refusals:
                refusal = answer(operation, status)
                assert list(refusal["content"]) == ["application/problem+json"]
                assert all(f"`{code}`" in refusal["description"] for code in codes(operation, status))


def test_statuses_follow_from_what_the_handler_is() -> None:
    paths = document()["paths"]
    assert {"403", "408", "409", "413", "415", "422"} <= paths["/api/payments"]["post"]["responses"].keys()
    assert not {"403", "404", "409", "413", "429"} & paths["/api/payments"]["get"]["responses"].keys()
    assert "429" in paths["/api/tokens"]["post"]["responses"]
    assert codes(paths["/api/payments/{number}"]["get"], "404") == ["not_found", "payment_gone"]


def test_a_limited_operation_says_so_on_every_answer_that_passes_the_limit() -> None:
    limited = document()["paths"]["/api/tokens"]["post"]
    for status in ("201", "429"):
        assert {"RateLimit", "RateLimit-Policy"} <= answer(limited, status)["headers"].keys()
    assert "Retry-After" in answer(limited, "429")["headers"]
    unlimited = document()["paths"]["/api/payments"]["get"]
    assert "RateLimit" not in unlimited["responses"]["200"]["headers"]


def test_where_each_client_is_limited_every_operation_of_the_api_is() -> None:
    app = application(counted="/api/")
    for operations in app.openapi_schema.to_schema()["paths"].values():
        for operation in operations.values():
            assert "429" in operation["responses"]


def test_a_route_says_which_credential_it_needs() -> None:
    paths = document()["paths"]
    assert paths["/api/payments"]["post"]["security"] == [{"apiKey": ["payments:write"]}]
    assert paths["/api/payments"]["get"]["security"] == [{"apiKey": []}]
    assert "security" not in paths["/api/tokens"]["post"]
    assert list(document()["components"]["securitySchemes"]) == ["apiKey"]


def test_a_key_is_taken_where_it_is_looked_at() -> None:
    paths = document()["paths"]
    assert paths["/api/payments"]["post"]["parameters"] == [{"$ref": "#/components/parameters/IdempotencyKey"}]
    assert "Idempotent-Replayed" in paths["/api/payments"]["post"]["responses"]["201"]["headers"]
    assert "parameters" not in paths["/api/tokens"]["post"]


def test_operations_are_named_by_group_and_handler() -> None:
    paths = document()["paths"]
    assert paths["/api/payments"]["post"]["operationId"] == "bank_pay"
    assert paths["/api/payments"]["post"]["tags"] == ["bank"]
    assert paths["/api/payments/{number}"]["get"]["operationId"] == "paying_payment"


def test_an_optional_parameter_is_described_by_its_values() -> None:
    [parameter] = document()["paths"]["/api/payments"]["get"]["parameters"]
    assert parameter["schema"] == {"type": "string", "pattern": "^[a-z]+$", "description": "Only these."}


def test_values_of_our_own_describe_themselves() -> None:
    fields = document()["components"]["schemas"]["Payment"]["properties"]
    assert fields["amount"]["type"] == ["string", "integer"]
    assert fields["amount"]["examples"] == ["29.99"]
    assert "{1,2}" in fields["amount"]["pattern"]
    assert "{1,4}" in fields["foreign"]["pattern"]
    assert fields["payer"]["format"] == "idn-email"
    assert fields["note"]["type"] == "string"


def test_a_request_refuses_other_fields_and_an_answer_always_has_its_own() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Payment"]["additionalProperties"] is False
    assert schemas["Payment"]["required"] == ["amount", "foreign", "payer"]
    assert schemas["Receipt"]["required"] == ["amount", "note"]


def test_generic_structs_are_named_without_modules() -> None:
    assert "Page_Receipt" in document()["components"]["schemas"]


def test_is_made_at_the_first_request_and_rendered_once() -> None:
    app = application()
    made: list[str] = []
    creator = app.openapi_config.operation_id_creator
    app.openapi_config.operation_id_creator = lambda *about: made.append("") or creator(*about)
    with TestClient(app) as client:
        assert made == []
        first = client.get("/schema/openapi.json")
        count = len(made)
        assert count > 0
        assert client.get("/schema/openapi.json").content == first.content
        assert len(made) == count
