"""`docs/stub.md` tells the truth: every command of it, from top to bottom, answers what the comment below says."""

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

GUIDE = Path(__file__).parents[4] / "docs" / "stub.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(curl .*?)\n# (\d{3})(?: (\{[^\n]*\}))?$", re.MULTILINE | re.DOTALL)


class Command(msgspec.Struct):
    """One command of the guide, and what it says of the answer."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    status: int
    told: Any


def commands(key: str) -> list[Command]:
    found = []
    for block in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        for command, status, told in COMMAND.findall(block):
            words = iter(shlex.split(command.replace("$API", "/api/v1").replace("$KEY", key))[1:])
            headers, body, method, url = {}, None, None, ""
            for word in words:
                match word:
                    case "-H":
                        name, _, value = next(words).partition(": ")
                        headers[name] = value
                    case "--json":
                        body, headers["Content-Type"] = next(words), "application/json"
                    case "-X":
                        method = next(words)
                    case _:
                        url = word
            method = method or ("GET" if body is None else "POST")
            found.append(Command(method, url, headers, body, int(status), msgspec.json.decode(told or "{}")))
    return found


def holds(told: Any, answer: Any) -> bool:
    """Tell whether everything that was told is in the answer."""
    if isinstance(told, dict):
        return all(name in answer and holds(value, answer[name]) for name, value in told.items())
    if isinstance(told, list):
        return len(told) == len(answer) and all(map(holds, told, answer))
    return told == answer


def test_every_command_of_the_guide_says_what_is_answered():
    text = "".join(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
    assert len(commands("k")) == len(re.findall(r"^curl ", text, re.MULTILINE)) > 20


@pytest.fixture
async def raw(application):
    """A client without a credential, whose answers are not held to the document: rules answer what they like."""
    async with application.client() as client:
        yield client


async def test_every_command_of_the_guide_is_answered_as_it_says(raw, admin_client):
    for command in commands(admin_client.headers["X-API-Key"]):
        answer = await raw.request(command.method, command.url, headers=command.headers, content=command.body)
        assert answer.status_code == command.status, (command, answer.text)
        assert not command.told or holds(command.told, answer.json()), (command, answer.text)
