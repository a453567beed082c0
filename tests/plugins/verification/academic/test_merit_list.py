"""The merit list: ranked over all pages, under one version of its rule."""

from tests.plugins.verification.academic.forms import get, merit_rule, post, record, student

MERIT_LIST = "/api/v1/academic/merit-list"


async def test_a_merit_list_is_ranked_over_all_pages_with_ties_sharing_a_rank(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}, tie_break=["matric.percentage"]))
    for number, marks in enumerate([700, 900, 800, 900, 600]):
        await post(admin_client, "students", student(record(marks_obtained=marks), student_id=f"S-{number}"))
    await post(admin_client, "students", student(record(result="awaited"), student_id="S-9"))
    lines, cursor = [], {}
    while True:
        response = await client.get(MERIT_LIST, params={"program": "BSCS", "limit": 2, **cursor})
        answer = response.json()
        assert response.status_code == 200, response.text
        lines += answer["data"]
        if not answer["page"]["has_more"]:
            break
        assert 'rel="next"' in response.headers["link"]
        cursor = {"cursor": answer["page"]["next_cursor"]}
    assert [(line["rank"], line["student_id"]) for line in lines] == [
        (1, "S-1"),
        (1, "S-3"),
        (2, "S-2"),
        (3, "S-0"),
        (4, "S-4"),
    ]
    assert (lines[0]["merit"], lines[0]["tie_break_key"]) == ("81.8181", ["81.8181"])


async def test_a_merit_list_may_be_of_one_category(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}))
    await post(admin_client, "students", student(record()))
    await post(admin_client, "students", student(record(), student_id="S-2", category="SPORTS"))
    answer = await get(client, MERIT_LIST, program="BSCS", category="SPORTS")
    assert [line["student_id"] for line in answer["data"]] == ["S-2"]


async def test_a_cursor_holds_for_one_list_under_one_version_of_its_rule(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}))
    for number in range(2):
        await post(admin_client, "students", student(record(), student_id=f"S-{number}"))
    answer = await get(client, MERIT_LIST, program="BSCS", limit=1)
    ask = {"program": "BSCS", "limit": 1, "cursor": answer["page"]["next_cursor"]}
    assert len((await get(client, MERIT_LIST, **ask))["data"]) == 1
    assert (await get(client, MERIT_LIST, 400, **ask, category="SPORTS"))["code"] == "invalid_cursor"
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}), 200, upsert="true")
    assert (await get(client, MERIT_LIST, 400, **ask))["code"] == "invalid_cursor"


async def test_a_program_without_a_rule_has_no_merit_list(client):
    assert (await get(client, MERIT_LIST, 404, program="BSCS"))["code"] == "rules_not_found"
