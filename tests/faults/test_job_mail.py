"""Notifications over a mail server that misbehaves and workers that die: each is sent once, or marked as uncertain."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from core.clock import new_id
from plugins.verification.insurance.service.delivery import SendNotification, send_notification
from ports.secrets import Secret
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.jobsite import PLUGINS, Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.faults.kit.processes import command, environment
from tests.peers.smtp import SmtpPeer, smtp_peer

ADD = """
INSERT INTO verification.notification_requests
    (id, recipient_email, subject, message, message_id, status, next_attempt_at, created_at, updated_at)
VALUES ($1, $2, 'subject', 'message', $3, 'queued', now(), now(), now())
"""
STATUS = "SELECT status, sent, last_error, attempts FROM verification.notification_requests WHERE id = $1"
END_LEASES = """
UPDATE verification.notification_requests SET next_attempt_at = now() - interval '1 second' WHERE status = 'sending'
"""
DUE_NOW = "UPDATE core.jobs SET run_at = now() WHERE state = 'queued' AND name = 'verification.send_notification'"
SETTLED = {"sent", "uncertain", "failed"}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpPeer]:
    with smtp_peer(tmp_path_factory.mktemp("smtp")) as peer:
        yield peer


@pytest.fixture(scope="module")
async def migrated(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Secret:
    dsn = await postgres.create_database("mail")
    environ = environment(dsn, *PLUGINS, "verification")
    code, output = await command(tmp_path_factory.mktemp("mail"), environ, "database", "upgrade")
    assert code == 0, output
    return dsn


class Post:
    """A site whose workers send notifications to the peer."""

    def __init__(self, site: Jobsite, peer: SmtpPeer) -> None:
        self.site = site
        self.peer = peer
        site.defaults = {
            "PORTS__MAIL": "smtp",
            "ADAPTERS__MAIL__SMTP__HOST": peer.host,
            "ADAPTERS__MAIL__SMTP__PORT": str(peer.port),
            "ADAPTERS__MAIL__SMTP__SENDER": "us@example.org",
            "ADAPTERS__MAIL__SMTP__TLS": "none",
        }

    async def send(self, recipient: str = "ann@example.org") -> UUID:
        """Queue a notification and its job."""
        notification = new_id()
        await self.site.connection.execute(ADD, notification, recipient, f"<{notification}@hexastar.test>")
        await self.site.enqueue(send_notification, SendNotification(notification), key=str(notification))
        return notification

    async def ends(self, notification: UUID, *, lost: bool = False) -> tuple[str, str | None, int]:
        """Return how it ends, with no wait for delays, nor for leases where its sender is lost; and its arrivals."""

        async def over() -> bool:
            if lost:
                await self.site.connection.execute(END_LEASES)
            await self.site.connection.execute(DUE_NOW)
            return (await self.row(notification))[0] in SETTLED

        await self.site.until(over)
        status, error = await self.row(notification)
        return status, error, self.arrivals()[f"<{notification}@hexastar.test>"]

    async def row(self, notification: UUID) -> tuple[str, str | None]:
        row = await self.site.connection.fetchrow(STATUS, notification)
        return row["status"], row["last_error"]

    async def put_off(self, notification: UUID) -> bool:
        """Tell whether it waits for another attempt."""
        return await self.row(notification) == ("queued", "unavailable")

    def arrivals(self) -> Counter[str]:
        """Return how often each message has reached the peer."""
        return Counter(arrival.message_id for arrival in self.peer.deliveries())


@asynccontextmanager
async def opened_post(nursery: Nursery, folder: Path, dsn: Secret, peer: SmtpPeer) -> AsyncIterator[Post]:
    peer.forget()
    async with jobsite(nursery, folder, dsn, send_notification) as site:
        yield Post(site, peer)


KILLED = {
    "verification.notification_claimed": ("uncertain", 0),
    "verification.notification_sent": ("uncertain", 1),
    "verification.notification_settled": ("sent", 1),
    "jobs.after_effect": ("sent", 1),
    "jobs.before_outcomes": ("sent", 1),
    "jobs.outcomes_written": ("sent", 1),
}


async def test_a_worker_that_dies_over_a_notification_leaves_it_sent_once_or_uncertain(
    nursery: Nursery, migrated: Secret, folder: Path, peer: SmtpPeer, full: bool, figure: Callable[..., None]
) -> None:
    places = KILLED if full else {place: KILLED[place] for place in ("verification.notification_sent",)}
    async with opened_post(nursery, folder, migrated, peer) as post:
        found = {}
        for place in places:
            notification = await post.send()
            doomed = await post.site.worker("verification", failpoint=place, wait=False)
            await doomed.ended()
            survivor = await post.site.worker("verification")
            status, _, arrived = await post.ends(notification, lost=True)
            found[place] = (status, arrived)
            await survivor.kill()
        assert found == places
        twice = [message for message, times in post.arrivals().items() if times > 1]
        assert not twice
    figure("G2", f"notifications sent twice over {len(places)} kills", len(twice), at_most=0)


MODES = [
    ("drop", "ann@example.org", ("uncertain", "outcome_unknown", 1)),
    ("drop-before", "ann@example.org", ("sent", None, 1)),
    ("421-after-0", "ann@example.org", ("sent", None, 1)),
    ("451-data", "ann@example.org", ("sent", None, 1)),
    ("550", "refused@example.org", ("failed", "recipient_refused", 0)),
    ("slow-2", "ann@example.org", ("sent", None, 1)),
]
TRIED_AGAIN = {"drop-before", "421-after-0", "451-data"}


async def test_what_the_mail_server_does_decides_whether_it_is_tried_again(
    nursery: Nursery, migrated: Secret, folder: Path, peer: SmtpPeer
) -> None:
    async with opened_post(nursery, folder, migrated, peer) as post:
        await post.site.worker("verification")
        found = []
        for mode, recipient, _ in MODES:
            peer.behave(mode)
            notification = await post.send(recipient)
            if mode in TRIED_AGAIN:
                await post.site.until(lambda notification=notification: post.put_off(notification))
                peer.behave("ok")
            found.append((mode, recipient, await post.ends(notification)))
        assert found == MODES
