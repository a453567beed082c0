"""The guest book, tested from its own folder with the kit that Hexastar installs."""

from datetime import timedelta


async def test_signing_is_kept_and_told(client, run_jobs, mail):
    signed = await client.post("/api/v1/guestbook/entries", json={"name": "Ada", "message": "Hello"})
    assert signed.status_code == 201
    assert await run_jobs() == 1
    assert [message.subject for message in mail.messages] == ["Ada signed"]


async def test_each_test_begins_with_an_empty_book(client, worker, mail):
    assert (await client.get("/api/v1/guestbook/entries")).json() == {"data": []}
    assert await worker.run_until_idle(ahead=timedelta(0)) == 0
    assert mail.messages == []


async def test_every_fault_of_a_signature_is_told(client):
    refused = await client.post("/api/v1/guestbook/entries", json={"name": "", "mesage": "Hello"})
    assert refused.status_code == 400
    assert len(refused.json()["errors"]) > 1
