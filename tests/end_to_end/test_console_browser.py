"""An operator and a real browser: the URL that `run` prints, a dead job, and the button that queues it again."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from served import served, until

from tests.peers.smtp import smtp_peer

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CONFIGURATION = """
[plugins]
enabled = ["verification"]
[ports]
mail = "smtp"
[adapters.mail.smtp]
host = "{host}"
port = {port}
tls = "none"
sender = "claims@example.org"
"""
ADMIN = {"X-API-Key": "key"}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a headless browser; whatever its console complains about fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert not complaints


def test_an_operator_signs_in_by_the_printed_url_and_retries_a_dead_job(state_dir, tmp_path, page):
    with smtp_peer(tmp_path) as peer:
        peer.behave("450")
        text = CONFIGURATION.format(host=peer.host, port=peer.port)
        (state_dir / "plugins.toml").write_text(text, encoding="utf-8")
        with served(state_dir, {"HEXASTAR__ADMIN_KEY": "key"}) as server:
            job = dead_job(server.url)
            printed = re.search(rf"{re.escape(server.url)}/login\?token=\S+", server.output())
            page.goto(printed[0])
            assert page.url == f"{server.url}/"
            row = page.locator("#jobs tr", has_text=job["id"])
            expect(row).to_contain_text("dead")
            expect(row).to_contain_text("Cancelled: by hand")

            peer.behave("ok")
            row.get_by_role("button", name="Retry").click()
            page.wait_for_url(f"{server.url}/?#jobs")
            until(lambda: show(server.url, job["id"])["state"] == "done")
            page.reload()
            expect(row).to_contain_text("done")
            assert [message.recipients for message in peer.received()] == [["refused@example.org"]]

            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("link", name="Sign in")).to_be_visible()
            assert httpx.get(printed[0]).status_code == httpx.codes.UNAUTHORIZED


def test_an_operator_retries_many_dead_jobs_after_seeing_how_many(state_dir, tmp_path, page):
    with smtp_peer(tmp_path) as peer:
        peer.behave("450")
        text = CONFIGURATION.format(host=peer.host, port=peer.port)
        (state_dir / "plugins.toml").write_text(text, encoding="utf-8")
        with served(state_dir, {"HEXASTAR__ADMIN_KEY": "key"}) as server:
            jobs = [dead_job(server.url)["id"] for _ in range(2)]
            page.goto(f"{server.url}/login")
            page.get_by_label("Admin key").fill("key")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("link", name="Retry many").first.click()
            expect(page.get_by_role("heading", name="2 dead")).to_be_visible()
            assert {show(server.url, job)["state"] for job in jobs} == {"dead"}

            peer.behave("ok")
            page.get_by_role("button", name="Retry 2").first.click()
            expect(page.get_by_role("status")).to_have_text("2 jobs are queued again. 0 are still dead.")
            until(lambda: {show(server.url, job)["state"] for job in jobs} == {"done"})
            page.get_by_role("link", name="Back to the console").click()
            expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        assert len(peer.received()) == 2


def dead_job(url: str) -> dict[str, Any]:
    """Ask for a mail that cannot be sent now, and cancel the job that would try again."""
    notice = {"recipient_email": "refused@example.org", "subject": "Your claim", "message": "It was paid."}
    answer = httpx.post(f"{url}/api/v1/insurance/notification/send", json=notice, headers=ADMIN)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    until(lambda: (found := waiting(url)) and found[0]["error"])
    job = waiting(url)[0]
    httpx.post(f"{url}/api/v1/jobs/{job['id']}/cancel", headers=ADMIN).raise_for_status()
    return job


def waiting(url: str) -> list[dict[str, Any]]:
    """Return the notifications that wait to be tried again."""
    jobs = httpx.get(f"{url}/api/v1/jobs?state=queued&plugin=verification", headers=ADMIN).json()["data"]
    return [job for job in jobs if job["name"] == "verification.send_notification"]


def show(url: str, job_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = httpx.get(f"{url}/api/v1/jobs/{job_id}", headers=ADMIN).json()
    return shown
