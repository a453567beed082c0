"""A faulty deployment ends every command that would start it, at once, with all that is wrong and no secret."""

import time

import pytest

from tests.faults.kit.processes import command

BROKEN = """
profile = "production"
secret_key = "hush-hush-hush-hush-hush-hush-hush"
server = "gunicorn"

[plugins]
enabled = ["verification"]

[ports]
storage = "postgres"
mail = "maildir"

[adapters.storage.postgres]
dsn = "postgresql://hexastar:hush@database.internal/hexastar"
"""
EXPECTED = (
    "secret_key: can be guessed",
    "server: expected one of 'granian', 'uvicorn'",
    "ports.mail: 'maildir' is for development",
    "adapters.storage.postgres.dsn: production refuses it: it may travel in plain text",
    "plugins.verification.open_reads: production refuses it",
    "admin_key: the environment variable NO_SUCH is not set",
    "HEXASTAR__HTTP__MAX_BODI: http.max_bodi: unknown key (did you mean max_body?)",
    "LITESTAR_DEBUG: is refused in production",
)


@pytest.fixture
def broken(folder):
    """The environment of a deployment with faults in its file, in the `.env` beside it and in the environment."""
    (folder / "plugins.toml").write_text(BROKEN, encoding="utf-8")
    (folder / ".env").write_text("HEXASTAR__ADMIN_KEY='{ env = \"NO_SUCH\" }'\n", encoding="utf-8")
    return {
        "HEXASTAR__HTTP__MAX_BODI": "1",
        "HEXASTAR__PLUGINS__VERIFICATION__OPEN_READS": "true",
        "LITESTAR_DEBUG": "1",
    }


ENDED = [["check"], ["run", "--workers", "2"], ["verification", "import-licences", "file"]]


@pytest.mark.parametrize("arguments", ENDED, ids=" ".join)
async def test_every_command_names_all_faults_of_all_files_and_ends_with_78(folder, broken, arguments, figure):
    began = time.monotonic()
    code, output = await command(folder, broken, *arguments)
    figure("G48", f"hexastar {' '.join(arguments)} on a faulty deployment", time.monotonic() - began, "s", at_most=2)
    assert code == 78, output
    lines = output.splitlines()
    assert lines[0] == f"Error: The configuration has {len(EXPECTED)} faults:"
    for words in EXPECTED:
        assert sum(words in line for line in lines) == 1, (words, output)
    assert len(lines) == 1 + len(EXPECTED)
    assert "hush" not in output


async def test_a_sound_deployment_is_told_to_be_sound(folder, figure):
    (folder / "plugins.toml").write_text('[plugins]\nenabled = ["verification"]\n', encoding="utf-8")
    began = time.monotonic()
    code, output = await command(folder, {}, "check")
    figure("G48", "hexastar check on a sound deployment", time.monotonic() - began, "s", at_most=2)
    assert (code, output.splitlines()) == (
        0,
        [f"{folder}/plugins.toml is sound: profile development, plugins verification."],
    )
