"""Unknown, repeated and bad parameters are refused, all together."""

from datetime import date
from typing import Annotated, Any

import httpx
import pytest
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, HeaderParameter, PathParameter, QueryParameter

from core.auth import PUBLIC
from core.http.values import EmailAddress


async def provide_filters(region: FromQuery[str | None] = None, born: FromQuery[date | None] = None) -> dict[str, Any]:
    return {"region": region, "born": born}


@get("/api/v1/doctors", access=PUBLIC, dependencies={"filters": Provide(provide_filters)})
async def doctors(
    filters: NamedDependency[dict[str, Any]],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    license_number: FromQuery[str | None] = None,
    tag: FromQuery[list[str] | None] = None,
    email: FromQuery[EmailAddress | None] = None,
    version: Annotated[str | None, HeaderParameter(name="If-Match", max_length=4)] = None,
) -> dict[str, Any]:
    return {"limit": limit, "tag": tag, "email": email, **filters}


@get("/api/v1/search", access=PUBLIC)
async def search(q: FromQuery[str], kind: FromQuery[int]) -> str:
    return q


@get("/api/v1/coded/{code:str}", access=PUBLIC)
async def coded(code: Annotated[str, PathParameter(pattern="^[A-Z]{3}$")]) -> str:
    return code


@get("/api/v1/callback", access=PUBLIC, any_query=True)
async def callback() -> str:
    return "ok"


@get("/page", access=PUBLIC)
async def page() -> str:
    return "ok"


@pytest.fixture
async def client(build_app: Any, client_of: Any) -> Any:
    async with client_of(build_app(doctors, search, coded, callback, page)) as client:
        yield client


def faults(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}


async def test_good_parameters_pass(client: httpx.AsyncClient) -> None:
    query = "limit=5&tag=a&tag=b&region=NY&born=2026-01-05&email=a%40EXAMPLE.org"
    answer = (await client.get(f"/api/v1/doctors?{query}")).json()
    assert answer == {"limit": 5, "tag": ["a", "b"], "region": "NY", "born": "2026-01-05", "email": "a@example.org"}


async def test_bad_values_are_named_together_with_unknown_parameters(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/doctors?colour=red&born=2026-02-30&limit=0&region=x")
    assert faults(answer) == {"?colour": "unknown_parameter", "?born": "invalid_date", "?limit": "range"}


async def test_a_misspelt_parameter_is_not_also_called_missing(client: httpx.AsyncClient) -> None:
    assert faults(await client.get("/api/v1/search?query=x&kind=1")) == {"?query": "unknown_parameter"}


async def test_an_unknown_parameter_is_answered_with_the_nearest_known_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/doctors?licence_number=1")
    assert answer.json()["code"] == "unknown_parameter"
    assert "did you mean license_number" in answer.json()["errors"][0]["message"]


async def test_a_repeated_parameter_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/doctors?limit=1&limit=2")
    assert answer.json()["code"] == "repeated_parameter"


async def test_unknown_and_repeated_ones_are_told_together(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/doctors?x=1&x=2&limit=1&limit=2&y=")
    assert faults(answer) == {"?x": "unknown_parameter", "?y": "unknown_parameter", "?limit": "repeated_parameter"}
    assert answer.json()["code"] == "validation_error"


async def test_every_bad_value_is_named(client: httpx.AsyncClient) -> None:
    query = "limit=500&born=2026-02-30&email=nobody"
    answer = await client.get(f"/api/v1/doctors?{query}", headers={"If-Match": "abcdef"})
    assert faults(answer) == {
        "?limit": "range",
        "?born": "invalid_date",
        "?email": "invalid_email",
        "header:If-Match": "length",
    }


async def test_every_missing_parameter_is_named(client: httpx.AsyncClient) -> None:
    assert faults(await client.get("/api/v1/search")) == {"?q": "missing_parameter", "?kind": "missing_parameter"}
    assert faults(await client.get("/api/v1/search?kind=x")) == {"?q": "missing_parameter", "?kind": "type"}


async def test_one_bad_date_is_named_by_its_code(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/doctors?born=1")).json()["code"] == "invalid_date"


@pytest.mark.parametrize("query", ["region=%ff", "&".join(["tag=a"] * 101)])
async def test_what_is_no_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/v1/doctors?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


async def test_nul_is_refused(client: httpx.AsyncClient) -> None:
    assert faults(await client.get("/api/v1/doctors?region=%00")) == {"?region": "nul_character"}


async def test_a_malformed_id_names_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/coded/abc")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_pages_and_callbacks_take_any_query(client: httpx.AsyncClient) -> None:
    assert (await client.get("/page?utm_source=x")).status_code == 200
    assert (await client.get("/api/v1/callback?state=x&state=y")).status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("born=null", {"?born": "invalid_date"}),
        ("limit=null", {"?limit": "type"}),
        ("born=Null&x=1", {"?born": "invalid_date", "?x": "unknown_parameter"}),
    ],
)
async def test_the_word_null_does_not_stand_for_an_absent_value(
    client: httpx.AsyncClient, query: str, expected: Any
) -> None:
    assert faults(await client.get(f"/api/v1/doctors?{query}")) == expected


async def test_the_word_null_is_text_where_text_is_expected(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/doctors?region=null&tag=null&license_number=null")
    assert (answer.status_code, answer.json()["region"], answer.json()["tag"]) == (200, "null", ["null"])
