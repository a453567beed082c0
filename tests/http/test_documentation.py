"""The OpenAPI document tells of refusals, keys and our own types."""

from decimal import Decimal
from typing import Any

import msgspec
from litestar import Litestar, get, post
from litestar.openapi import OpenAPIConfig
from litestar.params import JSONBody

from core.http.documentation import PROBLEM_COMPONENTS, RefinementSchemas, document_refusals
from core.http.values import CurrencyAmount, EmailAddress, HeaderText, Money


class Payment(msgspec.Struct):
    amount: Money
    foreign: CurrencyAmount
    payer: EmailAddress
    note: HeaderText


@post("/payments")
async def pay(data: JSONBody[Payment]) -> Decimal:
    return data.amount


@post("/tokens", idempotency="none")
async def token() -> str:
    return ""


@get("/payments")
async def payments() -> int:
    return 0


def document() -> dict[str, Any]:
    config = OpenAPIConfig(title="T", version="1", components=[PROBLEM_COMPONENTS])
    app = Litestar([pay, token, payments], openapi_config=config, plugins=[RefinementSchemas()])
    document_refusals(app)
    return app.openapi_schema.to_schema()


def test_every_operation_refuses_with_a_problem_document() -> None:
    for path in document()["paths"].values():
        for operation in path.values():
            assert "400" not in operation["responses"]
            assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]


def test_every_post_but_those_that_answer_a_credential_takes_a_key() -> None:
    paths = document()["paths"]
    keyed = [{"$ref": "#/components/parameters/IdempotencyKey"}]
    assert paths["/payments"]["post"]["parameters"] == keyed
    assert "parameters" not in paths["/payments"]["get"]
    assert "parameters" not in paths["/tokens"]["post"]


def test_values_of_our_own_are_strings() -> None:
    fields = document()["components"]["schemas"]["Payment"]["properties"]
    assert {field["type"] for field in fields.values()} == {"string"}
    assert fields["payer"]["format"] == "idn-email"
    assert "{1,2}" in fields["amount"]["pattern"]
    assert "{1,4}" in fields["foreign"]["pattern"]
