"""Notifications through HTTP and the worker: queued, sent once, retried, and never blindly repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from core.testing.fakes import RecordingMail, SettableClock
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.insurance.service import delivery, dispatch
from ports.errors import OutcomeUnknown, Rejected, Unavailable
from ports.mail import Message

REGISTER = "/api/v1/insurance/admin/notification"
SEND = "/api/v1/insurance/notification/send"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

RunJobs = Callable[..., Awaitable[int]]


def notice(**changes: object) -> dict[str, object]:
    return {"recipient_email": "ana@example.com", "subject": "Your claim", "message": "It is paid."} | changes


async def status_of(units: UnitOfWorkFactory) -> tuple[str, int, str | None]:
    async with units() as uow:
        row = await (await uow.connection()).fetchrow(
            "SELECT status, attempts, last_error FROM verification.notification_requests"
        )
    assert row is not None
    return row["status"], row["attempts"], row["last_error"]


async def test_a_notification_is_registered_and_waits(
    admin_client: httpx.AsyncClient, mail: RecordingMail, run_jobs: RunJobs
) -> None:
    answer = await admin_client.post(REGISTER, json=notice(recipient_email="Ana@EXAMPLE.com"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["sent"], body["status"], body["recipient_email"]) == (False, "pending", "Ana@example.com")
    await run_jobs()
    assert mail.messages == []


@pytest.mark.parametrize("route", [REGISTER, SEND])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subject": "Hi\r\nBcc: x@y.org"}, "header_injection"),
        ({"subject": "=?UTF-8?Q?=0A?=Bcc: x@y.org"}, "header_injection"),
        ({"subject": ""}, None),
        ({"subject": "x" * 256}, None),
        ({"message": ""}, None),
        ({"message": "x" * 20001}, None),
        ({"recipient_email": "a@b"}, "invalid_email"),
        ({"recipient_email": "a@localhost"}, "invalid_email"),
        ({"recipient_email": "a..b@x.com"}, "invalid_email"),
        ({"recipient_email": "a@x.com\r\nBcc: b@x.com"}, "header_injection"),
        ({"recipient_email": "a" * 250 + "@x.com"}, "invalid_email"),
        ({"send_after": "tomorrow"}, "invalid_datetime"),
        ({"send_after": "2026-05-01T12:00:00"}, "invalid_datetime"),
        ({"send_after": "0001-01-01T00:00:00+14:00"}, "invalid_datetime"),
        ({"send_after": "9999-12-31T23:59:59-12:00"}, "invalid_datetime"),
    ],
)
async def test_what_cannot_be_mailed_is_refused(
    admin_client: httpx.AsyncClient, route: str, changes: dict[str, object], code: str | None
) -> None:
    answer = await admin_client.post(route, json=notice(**changes))
    assert answer.status_code == 400, answer.text
    assert code is None or answer.json()["code"] == code


async def test_an_international_domain_is_accepted_and_sent_in_ascii(
    admin_client: httpx.AsyncClient, mail: RecordingMail, run_jobs: RunJobs
) -> None:
    body = (await admin_client.post(REGISTER, json=notice(recipient_email="ana@bücher.example"))).json()
    assert body["recipient_email"] == "ana@bücher.example"
    await admin_client.post(SEND, json={"notification_id": body["id"]})
    await run_jobs()
    assert mail.messages[0].recipients == ("ana@xn--bcher-kva.example",)


async def test_sending_is_queued_then_done_then_answered_as_done(
    admin_client: httpx.AsyncClient, mail: RecordingMail, run_jobs: RunJobs
) -> None:
    registered = (await admin_client.post(REGISTER, json=notice())).json()
    request = {"notification_id": registered["id"]}
    queued = await admin_client.post(SEND, json=request)
    assert (queued.status_code, queued.json()) == (
        202, {"notification_id": registered["id"], "status": "queued", "sent": False},
    )  # fmt: skip
    await admin_client.post(SEND, json=request)
    await run_jobs()
    assert [(m.recipients, m.subject, m.text) for m in mail.messages] == [
        (("ana@example.com",), "Your claim", "It is paid.")
    ]
    assert mail.messages[0].message_id.startswith(f"<{registered['id']}@")
    done = await admin_client.post(SEND, json=request)
    assert (done.status_code, done.json()["sent"], done.json()["already_sent"]) == (200, True, True)
    assert done.json()["sent_at"].endswith("Z")


async def test_a_mail_given_here_is_sent_once_for_one_key(
    admin_client: httpx.AsyncClient, mail: RecordingMail, run_jobs: RunJobs
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await admin_client.post(SEND, json=notice(), headers=headers)
    again = await admin_client.post(SEND, json=notice(), headers=headers)
    assert (first.status_code, again.content) == (202, first.content)
    await run_jobs()
    assert len(mail.messages) == 1


async def test_waiting_answers_once_it_is_sent(admin_client: httpx.AsyncClient, mail: RecordingMail) -> None:
    answer = await admin_client.post(SEND, params={"wait": "true"}, json=notice())
    assert (answer.status_code, answer.json()["status"], answer.json()["sent"]) == (200, "sent", True)
    assert len(mail.messages) == 1


async def test_waiting_for_a_mail_system_that_is_away_answers_503_and_the_job_goes_on(
    admin_client: httpx.AsyncClient, mail: RecordingMail, clock: SettableClock, run_jobs: RunJobs
) -> None:
    mail.fail_with(Unavailable("no route"))
    headers = {"Idempotency-Key": "patience"}
    answer = await admin_client.post(SEND, params={"wait": "true"}, json=notice(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "mail_transport_down")
    assert answer.headers["Retry-After"] == "60"
    again = await admin_client.post(SEND, params={"wait": "true"}, json=notice(), headers=headers)
    assert again.status_code == 200
    await run_jobs(ahead=timedelta(minutes=5))
    assert len(mail.messages) == 1


async def test_an_unavailable_mail_system_is_tried_five_times_with_one_message_id(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, run_jobs: RunJobs
) -> None:
    mail.fail_with(*(Unavailable("greylisted") for _ in range(4)))
    await admin_client.post(SEND, json=notice())
    await run_jobs()
    assert await status_of(units) == ("queued", 1, "unavailable")
    await run_jobs(ahead=timedelta(seconds=61))
    assert await status_of(units) == ("queued", 2, "unavailable")
    await run_jobs(ahead=timedelta(hours=4))
    assert await status_of(units) == ("sent", 5, None)
    assert len(mail.messages) == 1


async def test_after_five_failures_it_has_failed_and_may_be_asked_for_again(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, run_jobs: RunJobs
) -> None:
    mail.fail_with(*(Unavailable("down") for _ in range(5)))
    sent = (await admin_client.post(SEND, json=notice())).json()
    await run_jobs(ahead=timedelta(hours=4))
    assert await status_of(units) == ("failed", 5, "unavailable")
    await admin_client.post(SEND, json={"notification_id": sent["notification_id"]})
    await run_jobs()
    assert await status_of(units) == ("sent", 1, None)


async def test_a_refused_recipient_gets_nothing_more(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, run_jobs: RunJobs
) -> None:
    mail.fail_with(Rejected("recipient_refused", "no such user"))
    await admin_client.post(SEND, json=notice())
    await run_jobs(ahead=timedelta(hours=4))
    assert await status_of(units) == ("failed", 1, "recipient_refused")
    answer = await admin_client.post(SEND, json=notice(subject="Another"))
    assert (answer.status_code, answer.json()["code"]) == (409, "suppressed_recipient")
    assert mail.messages == []


async def test_an_unknown_outcome_is_never_tried_again(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, run_jobs: RunJobs
) -> None:
    mail.fail_with(OutcomeUnknown("<id>"))
    sent = (await admin_client.post(SEND, json=notice())).json()
    await run_jobs(ahead=timedelta(hours=4))
    assert await status_of(units) == ("uncertain", 1, "outcome_unknown")
    answer = await admin_client.post(SEND, json={"notification_id": sent["notification_id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "notification_uncertain")
    assert mail.messages == []


async def test_a_sending_that_was_cut_off_becomes_uncertain(
    admin_client: httpx.AsyncClient,
    mail: RecordingMail,
    units: UnitOfWorkFactory,
    clock: SettableClock,
) -> None:
    """While its lease lasts another attempt waits; afterwards nobody knows whether the mail went out."""
    clock.set(NOW)
    sent = (await admin_client.post(SEND, json=notice())).json()
    identifier = sent["notification_id"]
    crashing: Any = type("Crashing", (), {"send": lambda _, __: _crash()})()
    with pytest.raises(RuntimeError):
        await delivery.deliver(units, crashing, clock, identifier)
    waiting = await delivery.deliver(units, mail, clock, identifier)
    assert (waiting.status, waiting.retry_after) == ("sending", delivery.LEASE.total_seconds())
    clock.advance(delivery.LEASE)
    lost = await delivery.deliver(units, mail, clock, identifier)
    assert lost.status == "uncertain"
    assert (await status_of(units))[0] == "uncertain"
    assert mail.messages == []


async def _crash() -> None:
    raise RuntimeError("the process died here")


async def test_the_dispatcher_gives_up_on_what_was_lost_while_being_sent(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    clock.set(NOW)
    sent = (await admin_client.post(SEND, json=notice())).json()
    crashing: Any = type("Crashing", (), {"send": lambda _, __: _crash()})()
    with pytest.raises(RuntimeError):
        await delivery.deliver(units, crashing, clock, sent["notification_id"])
    clock.advance(delivery.LEASE + timedelta(seconds=1))
    async with units() as uow:
        await dispatch.dispatch_due(uow, clock)
    assert await status_of(units) == ("uncertain", 1, "interrupted")


async def test_an_attempt_that_comes_back_after_it_was_given_up_changes_nothing(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    class Late(RecordingMail):
        """Takes so long that the notification is given up meanwhile."""

        async def send(self, message: Message) -> None:
            clock.advance(delivery.LEASE + timedelta(seconds=1))
            await _dispatch(units, clock)
            await super().send(message)

    clock.set(NOW)
    sent = (await admin_client.post(SEND, json=notice())).json()
    await delivery.deliver(units, Late(), clock, sent["notification_id"])
    assert await status_of(units) == ("uncertain", 1, "interrupted")


async def test_a_notification_whose_job_is_gone_gets_another(
    admin_client: httpx.AsyncClient,
    mail: RecordingMail,
    units: UnitOfWorkFactory,
    clock: SettableClock,
    run_jobs: RunJobs,
) -> None:
    await admin_client.post(SEND, json=notice())
    async with units() as uow:
        await (await uow.connection()).execute("UPDATE core.jobs SET state = 'dead'")
    await _dispatch(units, clock)
    await run_jobs()
    assert mail.messages == []
    clock.advance(dispatch.OVERDUE + timedelta(seconds=1))
    await _dispatch(units, clock)
    await run_jobs()
    assert len(mail.messages) == 1


async def test_asking_again_does_not_begin_the_attempts_anew(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, run_jobs: RunJobs
) -> None:
    mail.fail_with(Unavailable("away"))
    sent = (await admin_client.post(SEND, json=notice())).json()
    await run_jobs()
    await admin_client.post(SEND, json={"notification_id": sent["notification_id"]})
    assert await status_of(units) == ("queued", 1, "unavailable")


async def test_two_attempts_at_once_send_one_mail(
    admin_client: httpx.AsyncClient, mail: RecordingMail, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    sent = (await admin_client.post(SEND, json=notice())).json()
    identifier = sent["notification_id"]
    await asyncio.gather(*(delivery.deliver(units, mail, clock, identifier) for _ in range(4)))
    assert len(mail.messages) == 1


async def test_what_is_to_be_sent_later_is_sent_then_by_itself(
    admin_client: httpx.AsyncClient,
    mail: RecordingMail,
    units: UnitOfWorkFactory,
    clock: SettableClock,
    run_jobs: RunJobs,
) -> None:
    clock.set(NOW)
    later = (NOW + timedelta(hours=1)).isoformat()
    await admin_client.post(REGISTER, json=notice(send_after=later))
    await _dispatch(units, clock)
    assert (await status_of(units))[0] == "pending"
    clock.advance(timedelta(hours=1))
    await _dispatch(units, clock)
    await run_jobs()
    assert len(mail.messages) == 1


async def _dispatch(units: UnitOfWorkFactory, clock: SettableClock) -> None:
    async with units() as uow:
        await dispatch.dispatch_due(uow, clock)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({}, 400, "ambiguous_reference"),
        ({"notification_id": "018f6f5e-0000-7000-8000-000000000000"}, 404, "insurance_request_not_found"),
        (notice(notification_id="018f6f5e-0000-7000-8000-000000000000"), 400, "ambiguous_reference"),
        ({"subject": "only"}, 400, "missing_field"),
        ({"notification_id": "x"}, 400, None),
    ],
)
async def test_a_notification_is_named_in_one_way(
    admin_client: httpx.AsyncClient, request_: dict[str, object], status: int, code: str | None
) -> None:
    answer = await admin_client.post(SEND, json=request_)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


async def test_nobody_notifies_without_a_credential(client: httpx.AsyncClient) -> None:
    assert (await client.post(REGISTER, json=notice())).status_code == 401
    assert (await client.post(SEND, json=notice())).status_code == 401
