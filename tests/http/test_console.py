"""The console tells everybody how the service is, and lets operators who have signed in look after the queue."""

import asyncio
import hashlib
import re
from base64 import b64encode
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from core.clock import SystemClock, new_id
from core.http.console.one_time_login import login_token
from core.http.console.sessions import prune_console_sessions
from core.jobs.declare import Tick
from core.keys import admin_key, key_ring

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Origin": "http://testserver"}


@pytest.fixture
async def browser(application):
    """A browser that nobody has signed in with."""
    async with application.client(BROWSER) as client:
        yield client


@pytest.fixture
async def operator(application):
    """A browser whose user has signed in with the admin key."""
    async with application.client(BROWSER) as client:
        answer = await client.post("/login", data={"key": admin_key(application.services.config)})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        yield client


@pytest.fixture
def make_job(storage):
    async def make(name: str = "verification.send_notification", state: str = "dead", error: str = "it broke") -> UUID:
        job_id = new_id()
        connection = await storage.connect(application_name="jobs")
        try:
            await connection.execute(
                "INSERT INTO core.jobs (id, name, lane, payload, state, attempts, max_attempts, error) "
                "VALUES ($1, $2, 'verification', '{}', $3, 2, 2, $4)",
                job_id,
                name,
                state,
                error,
            )
        finally:
            await connection.close()
        return job_id

    return make


def token_for(application, now=None) -> str:
    return login_token(key_ring(application.services.config), now or SystemClock().now())


async def state_of(admin_client: httpx.AsyncClient, job_id: UUID) -> str:
    state: str = (await admin_client.get(f"/api/v1/jobs/{job_id}")).json()["state"]
    return state


async def test_anonymous_visitors_see_plugins_health_and_links_and_no_more(browser, make_job):
    await make_job()
    page = await browser.get("/")
    assert page.status_code == 200
    for told in ("Hexastar", "verification", "healthy", "database", 'href="/schema"', 'href="/api/v1"', "Sign in"):
        assert told in page.text
    for kept in ("postgres", "profile", "it broke", "send_notification", "core 0", "Sign out", "routes"):
        assert kept not in page.text
    assert 'href="/dashboard"' not in page.text


async def test_operators_see_bindings_hooks_and_jobs(operator, make_job):
    await make_job()
    page = (await operator.get("/")).text
    for told in (
        "postgres",
        "test",
        "health checks",
        "it broke",
        "verification.send_notification",
        "Sign out",
        "Retry",
    ):
        assert told in page


async def test_the_admin_key_in_a_header_shows_everything_too(admin_client, make_job):
    await make_job()
    assert "it broke" in (await admin_client.get("/")).text


async def test_nothing_but_its_own_style_sheet_may_load(browser):
    page = await browser.get("/")
    policy = page.headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    for directive in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "<script" not in page.text
    assert " style=" not in page.text


async def test_what_a_job_says_is_escaped(operator, make_job):
    await make_job(error="<script>alert(1)</script>")
    page = (await operator.get("/")).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


async def test_jobs_are_filtered_by_state_and_plugin_and_read_page_by_page(operator, make_job):
    made = [str(await make_job(name=f"verification.job_{number}", state="done")) for number in range(22)]
    other = str(await make_job(name="core.other", state="done"))
    page = (await operator.get("/?state=done&plugin=verification")).text
    assert all(job_id in page for job_id in made[2:])
    assert made[1] not in page
    assert other not in page
    older = re.search(r'href="/(\?[^"]*before=[^"]*)#jobs">Older', page)[1].replace("&amp;", "&")
    page = (await operator.get(f"/{older}")).text
    assert all(job_id in page for job_id in made[:2])
    assert f">{made[2]}<" not in page


async def test_a_query_that_means_nothing_selects_nothing(operator):
    assert (await operator.get("/?state=odd&plugin=%25&before=x&refresh=1")).status_code == 200


async def test_the_page_refreshes_itself_only_where_asked(operator):
    assert "http-equiv" not in (await operator.get("/")).text
    assert '<meta http-equiv="refresh" content="10">' in (await operator.get("/?refresh=1")).text


async def test_a_dead_job_is_retried_and_a_waiting_one_cancelled(operator, admin_client, make_job):
    job_id = await make_job()
    answer = await operator.post(f"/console/jobs/{job_id}/retry?state=dead")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?state=dead#jobs")
    assert await state_of(admin_client, job_id) == "queued"
    assert (await operator.post(f"/console/jobs/{job_id}/cancel")).status_code == 303
    assert await state_of(admin_client, job_id) == "dead"


async def test_a_form_from_another_site_is_refused(operator, admin_client, make_job):
    job_id = await make_job()
    for origin in ("https://evil.example", "null", "http://testserver.evil.example", ""):
        for path in (f"/console/jobs/{job_id}/retry", "/console/jobs/retry", "/logout"):
            assert (await operator.post(path, data={"all": "yes"}, headers={"Origin": origin})).status_code == 403
    assert await state_of(admin_client, job_id) == "dead"
    assert "Sign out" in (await operator.get("/")).text


async def test_a_program_that_shows_the_admin_key_needs_no_origin(admin_client, make_job):
    job_id = await make_job()
    assert (await admin_client.post(f"/console/jobs/{job_id}/retry")).status_code == 303
    assert await state_of(admin_client, job_id) == "queued"


async def test_browsers_are_refused_with_a_page_and_programs_with_a_problem(browser, operator, client, make_job):
    done = await make_job(state="done")
    page = await operator.post(f"/console/jobs/{done}/retry")
    assert (page.status_code, page.headers["Content-Type"]) == (409, "text/html; charset=utf-8")
    assert "only a dead one can be retried" in page.text
    assert 'href="/login"' in (await browser.post(f"/console/jobs/{done}/retry")).text
    problem = await client.post(f"/console/jobs/{done}/retry")
    assert (problem.status_code, problem.json()["code"]) == (401, "authentication_required")


async def test_a_one_time_url_opens_one_session(application, browser):
    token = token_for(application)
    answer = await browser.get("/login", params={"token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Sign out" in (await browser.get("/")).text
    await browser.post("/logout")
    assert "Sign in" in (await browser.get("/")).text
    again = await browser.get("/login", params={"token": token})
    assert again.status_code == 401
    assert "Set-Cookie" not in again.headers


async def test_of_several_who_open_a_one_time_url_at_once_one_comes_in(application):
    token = token_for(application)
    async with application.client(BROWSER) as client:
        answers = await asyncio.gather(*(client.get("/login", params={"token": token}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [401] * 7


async def test_a_one_time_url_expires_and_cannot_be_made_up(application, browser, clock):
    old = token_for(application, clock.now() - timedelta(minutes=15))
    token = token_for(application)
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BA")
    for wrong in (old, changed, "", "é", "A" * 75):
        assert (await browser.get("/login", params={"token": wrong})).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(application, browser):
    answer = await browser.get("/login", params={"token": token_for(application)})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("hexastar_console=")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
        assert attribute in cookie


async def test_over_tls_the_cookie_is_bound_to_the_host(application):
    transport = httpx.ASGITransport(app=application.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver", headers=BROWSER) as client:
        answer = await client.get("/login", params={"token": token_for(application)})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-hexastar-console=")
        assert "Secure" in cookie
        assert "Sign out" in (await client.get("/")).text


async def test_a_session_ends_after_twelve_hours(operator, clock):
    clock.advance(timedelta(hours=11, minutes=59))
    assert "Sign out" in (await operator.get("/")).text
    clock.advance(timedelta(minutes=1))
    assert "Sign in" in (await operator.get("/")).text


async def test_a_session_is_kept_as_a_hash(operator, storage):
    connection = await storage.connect(application_name="look")
    stored = await connection.fetchval("SELECT token FROM core.console_sessions")
    await connection.close()
    assert len(stored) == 32
    assert operator.cookies["hexastar_console"].encode() not in stored


async def test_the_console_cookie_speaks_for_nobody_outside_of_the_console(operator):
    assert (await operator.get("/api/v1/jobs")).status_code == 401


@pytest.mark.parametrize(("form", "status"), [({"key": "wrong"}, 401), ({"key": "ü"}, 401), ({}, 400)])
async def test_a_wrong_key_opens_nothing(browser, form, status):
    answer = await browser.post("/login", data=form)
    assert answer.status_code == status
    assert "Set-Cookie" not in answer.headers


async def test_nobody_is_signed_in_by_another_site(application, browser):
    key = admin_key(application.services.config)
    answer = await browser.post("/login", data={"key": key}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


async def test_guesses_are_limited(browser):
    statuses = [(await browser.post("/login", data={"key": "guess"})).status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]


async def test_sessions_that_are_long_over_are_deleted(application, operator, storage):
    connection = await storage.connect(application_name="age")
    await connection.execute("UPDATE core.console_sessions SET created_at = now() - interval '3 days'")
    async with application.services.units() as uow:
        await prune_console_sessions(Tick(SystemClock().now()), uow=uow)
    assert await connection.fetchval("SELECT count(*) FROM core.console_sessions") == 0
    await connection.close()
