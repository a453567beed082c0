"""Pages neither skip nor repeat a row, and a cursor is good for its own list only."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request, Response, get
from litestar.params import FromQuery
from sqlalchemy import column, select, table
from sqlalchemy.types import DateTime, Uuid

from core.auth import PUBLIC
from core.clock import new_id
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, keyset, with_links
from core.http.problems import Problem
from ports.queries import DIALECT


class Row(msgspec.Struct, frozen=True):
    created_at: datetime
    id: UUID


class Place(msgspec.Struct, frozen=True):
    created_at: datetime
    id: UUID


START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = [Row(START + timedelta(hours=n // 3), new_id()) for n in range(50)]
CURSORS = Cursors([b"k" * 32])
SORT = "created_at,id"


@get("/api/v1/rows", access=PUBLIC)
async def rows(
    request: Request[Any, Any, Any],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    kind: FromQuery[str | None] = None,
) -> Response[Page[Row]]:
    after = CURSORS.read(cursor, kind=Place, sort=SORT, filters={"kind": kind})
    found = [row for row in ROWS if after is None or (row.created_at, row.id) > (after.created_at, after.id)]
    page = CURSORS.page(
        found[: limit + 1], limit, key=lambda row: (row.created_at, row.id), sort=SORT, filters={"kind": kind}
    )
    return with_links(request, page)


@pytest.fixture
async def client(build_app: Any, client_of: Any) -> Any:
    async with client_of(build_app(rows)) as client:
        yield client


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
async def test_following_the_links_visits_every_row_once(client: httpx.AsyncClient, limit: int) -> None:
    seen: list[str] = []
    url: str | None = f"/api/v1/rows?limit={limit}&kind=x"
    while url:
        answer = await client.get(url)
        body = answer.json()
        assert body["page"]["has_more"] == (body["page"]["next_cursor"] is not None)
        assert body["page"]["limit"] == limit
        assert 1 <= len(body["data"]) <= limit
        seen += [row["id"] for row in body["data"]]
        assert answer.links["first"]["url"] == f"/api/v1/rows?limit={limit}&kind=x"
        url = answer.links.get("next", {}).get("url")
    assert seen == [str(row.id) for row in ROWS]


async def test_a_cursor_is_good_for_its_own_list_only(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/api/v1/rows?limit=2")).json()["page"]["next_cursor"]
    assert (await client.get("/api/v1/rows", params={"cursor": cursor})).status_code == 200
    for wrong in (cursor[:-2], cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), "x", "ü", "", cursor * 2):
        answer = await client.get("/api/v1/rows", params={"cursor": wrong})
        assert (answer.status_code, answer.json().get("code")) == (400, "invalid_cursor"), wrong
    answer = await client.get("/api/v1/rows", params={"cursor": cursor, "kind": "y"})
    assert answer.json()["code"] == "invalid_cursor"


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = CURSORS.write([START, ROWS[0].id], sort=SORT, filters={})
    assert CURSORS.read(cursor, kind=Place, sort=SORT, filters={}) == Place(START, ROWS[0].id)
    with pytest.raises(Problem):
        CURSORS.read(cursor, kind=Place, sort="-created_at,-id", filters={})


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5"])
async def test_a_limit_is_1_to_100(client: httpx.AsyncClient, limit: str) -> None:
    assert (await client.get(f"/api/v1/rows?limit={limit}")).json()["errors"][0]["pointer"] == "?limit"


def test_a_key_may_follow_another() -> None:
    old, new = b"o" * 32, b"n" * 32
    cursor = Cursors([old]).write(["2026-01-01T00:00:00Z", str(ROWS[0].id)], sort=SORT, filters={})
    assert Cursors([new, old]).read(cursor, kind=Place, sort=SORT, filters={}) == Place(START, ROWS[0].id)
    with pytest.raises(Problem):
        Cursors([new]).read(cursor, kind=Place, sort=SORT, filters={})


@given(st.text(max_size=200))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    with pytest.raises(Problem):
        CURSORS.read(text, kind=Place, sort=SORT, filters={})


def test_the_condition_compares_rows() -> None:
    columns = {"created_at": column("created_at", DateTime(timezone=True)), "id": column("id", Uuid)}
    statement = select(*columns.values()).select_from(table("rows")).where(keyset(columns, descending=True))
    assert "(created_at, id) < ($1" in str(statement.compile(dialect=DIALECT))
