"""The journal: what was asked is told again, a page at a time, by criteria, and how often."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from core.clock import new_id
from core.http.problems import Problem
from core.testing.waiting import until
from plugins.verification.stub.journal_problems import SEARCH_TOO_BROAD
from plugins.verification.stub.queries.journal import COUNT, FORGET_ALL
from plugins.verification.stub.rules import criteria as rules
from plugins.verification.stub.rules.criteria import Criteria
from plugins.verification.stub.service.control import control_of
from plugins.verification.stub.service.search import Search
from plugins.verification.stub.service.search_room import SearchRoom
from tests.plugins.verification.stub.journals import AT, entry

REQUESTS = "/api/v1/_stub/requests"
VERIFY = "/api/v1/doctors/psv/verify"


@pytest.fixture
async def journal(application, storage):
    """The journal of the running application, empty."""
    journal = control_of(application.services).journal
    await journal.flush()
    await storage.execute(FORGET_ALL)
    return journal


async def listed(client, **parameters):
    answer = await client.get(REQUESTS, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_client_sees_its_own_requests_at_once(journal, admin_client):
    journal.record(entry(query={"npi": ["1234567893"]}, headers={"Accept": "*/*"}, request_id="r-1", duration_ms=2.5))
    [told] = await listed(admin_client)
    assert told["path"] == VERIFY
    assert told["query"] == {"npi": ["1234567893"]}
    assert told["headers"] == {"accept": "*/*"}
    assert (told["status"], told["request_id"], told["duration_ms"]) == (200, "r-1", 2.5)
    assert (told["body"], told["matched_rule"], told["session"], told["trace_id"]) == (None, None, None, None)
    assert (await admin_client.get(f"{REQUESTS}/{told['id']}")).json() == told


async def test_what_was_recorded_is_written_though_nobody_reads(journal, storage):
    journal.record(entry())

    async def is_written():
        return await storage.fetch_one(COUNT) == 1

    await until(is_written)
    assert journal.waiting == 0


async def test_credentials_reach_neither_the_table_nor_a_client(journal, admin_client, storage):
    secrets = dict.fromkeys(("authorization", "cookie", "x-api-key", "set-cookie"), "planted-secret")
    journal.record(entry(headers=secrets))
    [told] = await listed(admin_client)
    assert set(told["headers"].values()) == {"[redacted]"}
    connection = await storage.connect(application_name="test")
    try:
        rows = await connection.fetch("SELECT t::text AS line FROM verification.stub_request_journal t")
    finally:
        await connection.close()
    assert len(rows) == 1
    assert "planted-secret" not in rows[0]["line"]


async def test_bodies_are_told_as_they_came_cut_at_64_kib(journal, admin_client):
    bodies = ['{"a": "é"}'.encode(), b"\xff\x00\x80", b"a\x00b", "é".encode() * 40_000, b"\xfe" * 70_000]
    for body in bodies:
        journal.record(entry(body=body))
    told = list(reversed(await listed(admin_client)))
    assert [(one["body_encoding"], one["truncated"]) for one in told] == [
        ("utf-8", False), ("base64", False), ("utf-8", False), ("utf-8", True), ("base64", True),
    ]  # fmt: skip
    assert told[0]["body"] == '{"a": "é"}'
    assert told[1]["body"] == "/wCA"
    assert told[2]["body"] == "a\0b"
    assert told[3]["body"] == "é" * 32_768


async def test_a_character_that_was_cut_in_two_is_left_out(journal, admin_client):
    journal.record(entry(body=b"a" + "é".encode() * 40_000))
    [told] = await listed(admin_client)
    assert told["body"] == "a" + "é" * 32_767


async def test_what_postgres_cannot_hold_is_stored_all_the_same(journal, admin_client):
    journal.record(
        entry(path="/a\0b\ud800", query={"\0": ["\udfff"]}, headers={"x\ud800": "a\0"}, request_id="r\0", method="G\0T")
    )
    [told] = await listed(admin_client)
    assert told["path"] == "/a\ufffdb\ufffd"
    assert told["query"] == {"\ufffd": ["\ufffd"]}
    assert told["headers"] == {"x\ufffd": "a\ufffd"}
    assert told["request_id"] == "r\ufffd"


async def test_an_entry_that_cannot_be_stored_takes_no_other_with_it(journal, admin_client):
    dropped = journal.dropped
    for number in range(300):
        journal.record(entry(status=70_000 if number in (7, 200) else 200))
    assert (await admin_client.post(f"{REQUESTS}/count", json={})).json() == {"count": 298}
    assert journal.dropped == dropped + 2


async def test_an_entry_that_is_written_twice_is_there_once(journal, admin_client):
    one, other = entry(), entry()
    journal.record(one)
    await journal.flush()
    dropped = journal.dropped
    journal.record(one)
    journal.record(other)
    assert {told["id"] for told in await listed(admin_client)} == {str(one.id), str(other.id)}
    assert journal.dropped == dropped


async def test_entries_are_told_apart_by_every_filter(journal, admin_client):
    rule = new_id()
    journal.record(entry(method="POST", status=201))
    journal.record(entry(path="/elsewhere"))
    journal.record(entry(session="mine", created_at=AT + timedelta(hours=1)))
    journal.record(entry(matched_rule=rule, status=503))
    assert [one["method"] for one in await listed(admin_client, method="POST")] == ["POST"]
    assert [one["path"] for one in await listed(admin_client, path="/elsewhere")] == ["/elsewhere"]
    assert [one["status"] for one in await listed(admin_client, status=503)] == [503]
    assert [one["session"] for one in await listed(admin_client, session="mine")] == ["mine"]
    assert [one["session"] for one in await listed(admin_client, since=(AT + timedelta(hours=1)).isoformat())] == [
        "mine"
    ]
    assert [one["matched_rule"] for one in await listed(admin_client, matched="true")] == [str(rule)]
    assert len(await listed(admin_client, matched="false")) == 3
    assert await listed(admin_client, matched="true", status=200) == []


async def test_pages_hold_every_entry_once_while_others_come(journal, admin_client):
    for number in range(25):
        journal.record(entry(request_id=str(number)))
    seen, following = [], f"{REQUESTS}?limit=10"
    while following:
        answer = await admin_client.get(following)
        page = answer.json()
        seen += [int(one["request_id"]) for one in page["data"]]
        cursor = page["page"]["next_cursor"]
        following = f"{REQUESTS}?limit=10&cursor={cursor}" if cursor else None
        journal.record(entry(request_id="99"))
    assert seen == list(range(24, -1, -1))


async def test_a_cursor_belongs_to_its_filters(journal, admin_client):
    for _ in range(3):
        journal.record(entry())
    cursor = (await admin_client.get(REQUESTS, params={"limit": 1})).json()["page"]["next_cursor"]
    for parameters in ({"cursor": cursor, "status": 200}, {"cursor": cursor + "x"}, {"cursor": "é"}):
        answer = await admin_client.get(REQUESTS, params={"limit": 1} | parameters)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    ["status=abc", "status=42", "limit=0", "limit=101", "since=yesterday", "matched=maybe", "verb=GET",
     "status=200&status=201", "path=%00", "session=" + "x" * 65],
)  # fmt: skip
async def test_a_filter_that_is_none_is_refused(journal, admin_client, query):
    assert (await admin_client.get(f"{REQUESTS}?{query}")).status_code == 400


async def test_entries_are_deleted_one_by_one_and_all_together(journal, admin_client):
    for _ in range(3):
        journal.record(entry())
    first, *_ = await listed(admin_client)
    assert (await admin_client.delete(f"{REQUESTS}/{first['id']}")).status_code == 204
    assert (await admin_client.delete(f"{REQUESTS}/{first['id']}")).json()["code"] == "journal_entry_not_found"
    assert (await admin_client.get(f"{REQUESTS}/{first['id']}")).status_code == 404
    assert (await admin_client.get(f"{REQUESTS}/nonsense")).status_code == 404
    assert len(await listed(admin_client)) == 2
    journal.record(entry())
    assert (await admin_client.delete(REQUESTS)).status_code == 204
    assert await listed(admin_client) == []


KINDS = [
    entry(query={"npi": ["1"]}),
    entry(query={"npi": ["2", "1"], "x": [""]}),
    entry(query={"npi": ["12"]}, headers={"x-kind": "a"}),
    entry(method="POST", path="/api/v1/insurance/claims/review", body=b'{"action": "approve", "n": 1}'),
    entry(method="POST", path="/api/v1/insurance/claims/review", body=b'{"action": "reject", "n": 1.0}'),
    entry(method="POST", path="/api/v1/insurance/claims/review", body=b"not json"),
    entry(path="/api/v1/doctors/psv/license/status", headers={"accept": "application/json", "x-kind": "b"}),
]
CRITERIA = [
    {},
    {"method": "POST"},
    {"path": VERIFY},
    {"path": "/api/v1/doctors/psv/verif"},
    {"path_regex": "/api/v1/doctors/.*"},
    {"path_regex": "doctors"},
    {"query": {"npi": {"equals": "1"}}},
    {"query": {"npi": {"equals": "1"}, "x": {"equals": ""}}},
    {"query": {"npi": {"contains": "1"}}},
    {"query": {"npi": {"matches": "[0-9]+"}}},
    {"query": {"npi": {"absent": True}}},
    {"query": {"npi": {"absent": False}}},
    {"headers": {"X-Kind": {"equals": "a"}}},
    {"headers": {"X-Kind": {"matches": "[ab]"}}},
    {"method": "POST", "body": [{"jsonpath": "$.action", "equals": "approve"}]},
    {"body": [{"jsonpath": "$.n", "equals": 1}]},
    {"body": [{"jsonpath": "$.n", "equals": 1}, {"jsonpath": "$.action", "matches": "re.*"}]},
    {"method": "GET", "query": {"npi": {"equals": "1"}}, "headers": {"x-kind": {"absent": True}}},
]


@pytest.mark.parametrize("criteria", CRITERIA, ids=str)
async def test_the_journal_finds_exactly_what_the_criteria_hold_for(journal, admin_client, criteria):
    expected = []
    for kind in KINDS:
        kept = msgspec.structs.replace(kind, id=new_id())
        journal.record(kept)
        if rules.compile(msgspec.convert(criteria, Criteria)).matches(kept.request()):
            expected.append(str(kept.id))
    found = (await admin_client.post(f"{REQUESTS}/find", json=criteria)).json()
    assert [one["id"] for one in found["data"]] == list(reversed(expected))
    assert (await admin_client.post(f"{REQUESTS}/count", json=criteria)).json() == {"count": len(expected)}
    checked = await admin_client.post(f"{REQUESTS}/verify", json=criteria | {"exactly": len(expected)})
    assert checked.json() == {"passed": True, "count": len(expected), "near_misses": []}


@pytest.mark.parametrize("criteria", [{"method": "GET"}, {"path_regex": ".*"}], ids=["by the database", "row by row"])
async def test_what_is_found_comes_in_pages(journal, admin_client, criteria):
    for number in range(5):
        journal.record(entry(request_id=str(number)))
    first = (await admin_client.post(f"{REQUESTS}/find?limit=3", json=criteria)).json()
    cursor = first["page"]["next_cursor"]
    second = (await admin_client.post(f"{REQUESTS}/find?limit=3&cursor={cursor}", json=criteria)).json()
    assert [one["request_id"] for one in [*first["data"], *second["data"]]] == ["4", "3", "2", "1", "0"]
    assert second["page"]["next_cursor"] is None
    other = await admin_client.post(f"{REQUESTS}/find?limit=3&cursor={cursor}", json={"method": "POST"})
    assert other.json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("bound", "passes"),
    [
        ({}, True),
        ({"exactly": 2}, True),
        ({"exactly": 3}, False),
        ({"exactly": 0}, False),
        ({"at_least": 2}, True),
        ({"at_least": 3}, False),
        ({"at_most": 2}, True),
        ({"at_most": 1}, False),
        ({"at_least": 1, "at_most": 3}, True),
        ({"never": True}, False),
    ],
)
async def test_a_check_tells_whether_requests_came_as_often_as_they_were_to(journal, admin_client, bound, passes):
    for path in (VERIFY, VERIFY, "/elsewhere"):
        journal.record(entry(path=path))
    answer = await admin_client.post(f"{REQUESTS}/verify", json={"path": VERIFY} | bound)
    assert (answer.json()["passed"], answer.json()["count"]) == (passes, 2)


async def test_where_nothing_matches_the_nearest_are_shown_with_what_differs(journal, admin_client):
    near = entry(query={"npi": ["2"]})
    journal.record(entry(method="POST", path="/elsewhere"))
    journal.record(near)
    journal.record(entry(path="/api/v1/doctors/psv/license/status"))
    wanted = {"method": "GET", "path": VERIFY, "query": {"npi": {"equals": "1"}}}
    answer = (await admin_client.post(f"{REQUESTS}/verify", json=wanted)).json()
    assert (answer["passed"], answer["count"]) == (False, 0)
    distances = [miss["distance"] for miss in answer["near_misses"]]
    assert distances == sorted(distances)
    assert len(distances) == 3
    assert answer["near_misses"][0] == {
        "request_id": str(near.id),
        "method": "GET",
        "path": VERIFY,
        "distance": 1,
        "diffs": [{"field": "query.npi", "expected": "equals 1", "actual": "2", "distance": 1}],
    }


async def test_no_more_than_five_near_misses_are_shown_and_those_are_the_nearest(journal, admin_client):
    for number in range(40):
        journal.record(entry(method="POST" if number % 2 else "GET", request_id=str(number)))
    answer = (
        await admin_client.post(f"{REQUESTS}/verify", json={"method": "GET", "query": {"a": {"equals": "1"}}})
    ).json()
    assert [miss["distance"] for miss in answer["near_misses"]] == [1] * 5


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({"path_regex": "("}, "invalid_criteria", ["/path_regex"]),
        ({"path": "/a", "path_regex": "/a"}, "invalid_criteria", ["/path_regex"]),
        ({"query": {"a": {}}}, "invalid_criteria", ["/query/a"]),
        ({"body": [{"jsonpath": "nonsense", "equals": 1}]}, "invalid_criteria", ["/body/0/jsonpath"]),
        ({"body": [{"jsonpath": "$..*..*", "equals": 1}]}, "invalid_criteria", ["/body/0/jsonpath"]),
        ({"pat": "/a"}, "unknown_field", ["/pat"]),
        ({"query": {"a": {"equal": "1"}}}, "unknown_field", ["/query/a/equal"]),
        ({"method": "get"}, "validation_error", ["/method"]),
        ({"query": {str(number): {"equals": "1"} for number in range(33)}}, "validation_error", ["/query"]),
    ],
)
@pytest.mark.parametrize("question", ["count", "find", "verify"])
async def test_what_is_no_criterion_is_refused_with_its_place(journal, admin_client, question, body, code, pointers):
    answer = await admin_client.post(f"{REQUESTS}/{question}", json=body)
    assert answer.status_code == (422 if code == "invalid_criteria" else 400), answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers
    assert answer.json()["code"] == code


async def test_a_question_that_takes_too_long_is_given_up(journal, storage):
    for _ in range(3):
        journal.record(entry())
    await journal.flush()
    search = Search(storage, SearchRoom(), Criteria(path_regex=".*"), patience=0.0)
    for question in (search.count(), search.find(None, 10), search.nearest()):
        with pytest.raises(Problem) as refused:
            await question
        assert refused.value.type is SEARCH_TOO_BROAD
    by_database = Search(storage, SearchRoom(), Criteria(method="GET"), patience=0.0)
    assert await by_database.count() == 3


class CountingStorage:
    """The store; it notes how many streams are open at most."""

    def __init__(self, storage):
        self._storage = storage
        self.open = self.most = 0

    async def stream(self, query, /, **parameters):
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            async for row in self._storage.stream(query, **parameters):
                await asyncio.sleep(0)
                yield row
        finally:
            self.open -= 1


async def test_questions_that_pass_the_journal_row_by_row_leave_connections_to_others(journal, storage):
    for _ in range(20):
        journal.record(entry())
    await journal.flush()
    counting, room = CountingStorage(storage), SearchRoom(at_once=2, wait=30.0)
    searches = [Search(counting, room, Criteria(path_regex=".*")) for _ in range(12)]
    found = await asyncio.gather(
        *(search.count() for search in searches[:6]), *(search.find(None, 3) for search in searches[6:])
    )
    assert [*found[:6], *map(len, found[6:])] == [20] * 6 + [3] * 6
    assert (counting.most, counting.open) == (2, 0)


async def test_a_question_that_finds_no_place_for_long_is_asked_to_come_again(application, journal, admin_client):
    journal.record(entry())
    await journal.flush()
    control = control_of(application.services)
    usual, control.search_room = control.search_room, SearchRoom(at_once=1, wait=0.0)
    try:
        async with control.search_room.place():
            for question, least in (("count", {}), ("find", {}), ("verify", {"at_least": 1})):
                answer = await admin_client.post(f"{REQUESTS}/{question}", json={"path_regex": ".*"} | least)
                assert (answer.status_code, answer.json()["code"]) == (503, "overloaded"), answer.text
                assert answer.headers["retry-after"] == "1"
                by_database = await admin_client.post(f"{REQUESTS}/{question}", json={"method": "GET"} | least)
                assert by_database.status_code == 200
        assert (await admin_client.post(f"{REQUESTS}/count", json={"path_regex": ".*"})).json() == {"count": 1}
    finally:
        control.search_room = usual


@pytest.mark.parametrize(
    "bound",
    [{"exactly": 1, "at_least": 1}, {"never": True, "exactly": 0}, {"never": False}, {"at_least": 3, "at_most": 2}],
)
async def test_bounds_that_contradict_one_another_are_refused(journal, admin_client, bound):
    answer = await admin_client.post(f"{REQUESTS}/verify", json=bound)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_criteria")


async def test_the_health_of_the_service_tells_how_many_entries_there_are(application, journal, client):
    journal.record(entry())
    await journal.flush()

    async def is_told():  # verdicts are remembered for a moment
        return (await client.get("/api/v1/health")).json()["checks"]["journal"].get("rows") == 1

    await until(is_told)
    check = (await client.get("/api/v1/health")).json()["checks"]["journal"]
    assert (check["status"], check["required"]) == ("pass", False)
