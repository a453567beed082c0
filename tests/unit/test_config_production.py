"""What would serve unsafely, or not as its operator wrote, is refused: all of it at once, and no secret is printed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from core.cli.inspect import check

SECRET = "Zk3vQ8yTn1Lw5RbX7pCe2MdHs6JfGa9U"
OLDER_SECRET = "Hb7xK2mVr9Qd4WzN6tYc1LpSf8GjEu3A"
ADMIN_KEY = "Yx4uP9zSm2Kv6QcW8oBd3NeIr7HgFt0V"
PASSWORD = "hush-Tz6Wd0"
CANARIES = (SECRET, OLDER_SECRET, ADMIN_KEY, PASSWORD)

DSN = f"postgresql://hexastar:{PASSWORD}@database.internal/hexastar"
SOUND = f"""
profile = "production"
secret_key = "{SECRET}"
admin_key = "{ADMIN_KEY}"
public_url = "https://api.example.org"
[plugins]
enabled = ["verification"]
[plugins.verification]
open_reads = false
[ports]
storage = "postgres"
mail = "smtp"
[adapters.storage.postgres]
dsn = "{DSN}?sslmode=verify-full"
[adapters.mail.smtp]
host = "mail.internal"
sender = "hexastar@example.org"
username = "hexastar"
password = "{PASSWORD}"
"""


def checked(folder, text=SOUND, **environ):
    """Return the exit code and the lines that `hexastar check` prints."""
    file = folder / "plugins.toml"
    file.write_text(text, encoding="utf-8")
    ended = CliRunner(env={"HEXASTAR_CONFIG": str(file), **environ}).invoke(check)
    for canary in CANARIES:
        assert canary not in ended.output
    return ended.exit_code, ended.output.splitlines()


def test_the_deployment_that_the_others_are_made_of_is_sound(tmp_path):
    assert checked(tmp_path)[0] == 0


BROKEN = [
    # the secret key
    ({"SECRET_KEY": ""}, "secret_key", "is empty"),
    ({"SECRET_KEY": SECRET[:31]}, "secret_key", "is shorter than 32 characters"),
    ({"SECRET_KEY": "s" * 40}, "secret_key", "can be guessed"),
    ({"SECRET_KEY": "abc123" * 6}, "secret_key", "can be guessed"),
    ({"SECRET_KEY": "changeme-0123456789-abcdefghijklmnop"}, "secret_key", "can be guessed"),
    ({"SECRET_KEY": "Default key of the example, 1234567890"}, "secret_key", "can be guessed"),
    ({"SECRET_KEY": '{ file = "/no/such/file" }'}, "secret_key", "cannot be read: No such file or directory"),
    ({"SECRET_KEY": '{ file = "/" }'}, "secret_key", "cannot be read: Is a directory"),
    ({"SECRET_KEY": '{ env = "ABSENT" }'}, "secret_key", "the environment variable ABSENT is not set"),
    ({"PREVIOUS_SECRET_KEY": "short"}, "previous_secret_key", "is shorter than 32 characters"),
    ({"PREVIOUS_SECRET_KEY": SECRET}, "previous_secret_key", "is the same as secret_key"),
    ({"PREVIOUS_SECRET_KEY": "p" * 32}, "previous_secret_key", "can be guessed"),
    # the admin key
    ({"ADMIN_KEY": ""}, "admin_key", "is empty"),
    ({"ADMIN_KEY": "admin"}, "admin_key", "is shorter than 32 characters"),
    ({"ADMIN_KEY": "admin" * 8}, "admin_key", "can be guessed"),
    ({"ADMIN_KEY": SECRET}, "admin_key", "is the same as secret_key"),
    # what is told to and by others
    ({"PUBLIC_URL": "http://api.example.org"}, "public_url", "is not an https address"),
    ({"PUBLIC_URL": "api.example.org"}, "public_url", "expected an address"),
    ({"HTTP__CORS_ORIGINS": '["*"]'}, "http.cors_origins", "'*' is refused in production"),
    ({"HTTP__TRUSTED_PROXIES": '["0.0.0.0/0"]'}, "http.trusted_proxies", "0.0.0.0/0 trusts everybody's word"),
    ({"HTTP__TRUSTED_PROXIES": '["10.0.0.0/8", "::/0"]'}, "http.trusted_proxies", "::/0 trusts everybody's word"),
    ({"BELL": f"redis://:{PASSWORD}@bell.internal"}, "bell", "the password would travel in plain text"),
    ({"BELL": f"reds://:{PASSWORD}@bell.internal"}, "bell", "the address of a Redis server"),
    # adapters and plugins
    ({"PORTS__STORAGE": "embedded_postgres"}, "ports.storage", "is for development"),
    ({"PORTS__MAIL": "maildir"}, "ports.mail", "is for development"),
    ({"PORTS__MAIL": "smpt"}, "ports.mail", "has no adapter 'smpt'"),
    ({"ADAPTERS__STORAGE__POSTGRES__DSN": DSN}, "adapters.storage.postgres.dsn", "it may travel in plain text"),
    (
        {"ADAPTERS__STORAGE__POSTGRES__DSN": f"{DSN}?sslmode=prefer"},
        "adapters.storage.postgres.dsn",
        "it may travel in plain text",
    ),
    (
        {"ADAPTERS__STORAGE__POSTGRES__DSN": f"mysql://u:{PASSWORD}@host/x"},
        "adapters.storage.postgres",
        "the dsn is not of the form postgresql://",
    ),
    ({"ADAPTERS__STORAGE__POSTGRES__POOL_SIZE": "0"}, "adapters.storage.postgres.pool_size", ">= 1"),
    ({"ADAPTERS__MAIL__SMTP__TLS": "none"}, "adapters.mail.smtp.tls", "the password would travel in plain text"),
    ({"ADAPTERS__MAIL__SMTP__HOTS": "x"}, "adapters.mail.smtp.hots", "unknown key"),
    ({"PLUGINS__VERIFICATION__OPEN_READS": "true"}, "plugins.verification.open_reads", "production refuses it"),
    ({"PLUGINS__ENABLED": '["verificaton"]'}, "plugins.enabled", "there is no plugin 'verificaton'"),
    ({"PLUGINS__VERIFICATON__OPEN_READS": "false"}, "plugins.verificaton", "a plugin that does not exist"),
    # what nothing reads
    ({"SERVERS": "uvicorn"}, "servers", "unknown key (did you mean server?)"),
    ({"JOBS__GRACES": "1"}, "jobs.graces", "unknown key (did you mean grace?)"),
    ({"SERVER": "gunicorn"}, "server", "one of 'granian', 'uvicorn'"),
    ({"JOBS__GRACE": "-1"}, "jobs.grace", ">= 0"),
    ({"HTTP__BODY_TIMEOUT": "soon"}, "http.body_timeout", "expected float"),
]


@pytest.mark.parametrize(("keys", "key", "words"), BROKEN, ids=[f"{row[1]}-{n}" for n, row in enumerate(BROKEN)])
def test_each_is_refused_with_its_key_and_the_reason(tmp_path, keys, key, words):
    code, lines = checked(tmp_path, **{f"HEXASTAR__{name}": value for name, value in keys.items()})
    assert code == 78
    told = [line for line in lines if f": {key}: " in line]
    assert len(told) == 1, lines
    assert words in told[0]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HEXASTAR_SECRET_KEY", SECRET, "is read by nobody (HEXASTAR__SECRET_KEY, with two underscores)"),
        ("HEXASTAR_PROFILE", "production", "is read by nobody (HEXASTAR__PROFILE, with two underscores)"),
        ("HEXASTAR_FAILPOINT", "x", "is refused in production"),
        ("LITESTAR_DEBUG", "1", "is refused in production"),
        ("LITESTAR_PDB", "1", "is refused in production"),
    ],
)
def test_variables_that_mislead_are_refused(tmp_path, variable, value, words):
    code, lines = checked(tmp_path, **{variable: value})
    assert (code, lines[1:]) == (78, [f"  - {variable}: {words}" if "(" in words else lines[1]])
    assert f"{variable}: {words}" in lines[1]


def test_a_misspelt_variable_in_the_dotenv_is_refused_as_well(tmp_path):
    (tmp_path / ".env").write_text("HEXASTAR_ADMIN_KEY=x\n", encoding="utf-8")
    assert checked(tmp_path)[1][1] == (
        "  - HEXASTAR_ADMIN_KEY: is read by nobody (HEXASTAR__ADMIN_KEY, with two underscores)"
    )


def test_variables_that_kubernetes_makes_for_a_service_of_our_name_are_left_alone(tmp_path):
    service = {"HEXASTAR_SERVICE_HOST": "10.0.0.1", "HEXASTAR_PORT": "tcp://10.0.0.1:80", "HEXASTAR_SERVICE_PORT": "80"}
    assert checked(tmp_path, **service)[0] == 0


@pytest.mark.parametrize("variable", ["SECRET_KEY", "ADMIN_KEY"])
def test_a_secret_that_its_user_may_not_read_is_told_with_its_file(tmp_path, variable):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    code, lines = checked(tmp_path, **{f"HEXASTAR__{variable}": f'{{ file = "{tmp_path}/dangling" }}'})
    assert code == 78
    assert f"the file {tmp_path}/dangling cannot be read" in lines[1]


@pytest.mark.parametrize(
    "dsn",
    [
        f"{DSN}?sslmode=require",
        f"{DSN}?sslmode=verify-ca",
        f"postgresql://hexastar:{PASSWORD}@127.0.0.1/hexastar",
        f"postgresql://hexastar:{PASSWORD}@[::1]/hexastar",
        f"postgresql://hexastar:{PASSWORD}@localhost/hexastar",
        f"postgresql://hexastar:{PASSWORD}@/hexastar?host=/run/postgresql",
    ],
)
def test_what_is_encrypted_or_stays_on_this_machine_passes(tmp_path, dsn):
    assert checked(tmp_path, HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN=dsn)[0] == 0


def test_plain_text_passes_where_the_operator_says_that_nobody_else_is_on_the_network(tmp_path):
    keys = {"DSN": DSN, "PLAINTEXT": "true"}
    environ = {f"HEXASTAR__ADAPTERS__STORAGE__POSTGRES__{key}": value for key, value in keys.items()}
    assert checked(tmp_path, **environ)[0] == 0


def test_faults_of_two_files_the_environment_and_every_section_are_told_at_once(tmp_path):
    (tmp_path / ".env").write_text("HEXASTAR__SERVER=gunicorn\nHEXASTAR__JOBS__LEASE=long\n", encoding="utf-8")
    text = SOUND.replace("open_reads = false", "open_reads = true").replace("?sslmode=verify-full", "")
    keys = {
        "HEXASTAR__SECRET_KEY": "short",
        "HEXASTAR__ADMIN_KEY": "k" * 40,
        "HEXASTAR__PUBLIC_URL": "http://a.example",
    }
    code, lines = checked(tmp_path, text, **keys, LITESTAR_DEBUG="1")
    assert code == 78
    assert lines[0] == "Error: The configuration has 8 faults:"
    for key in ("server", "jobs.lease", "open_reads", "dsn", "secret_key", "admin_key", "public_url", "LITESTAR_DEBUG"):
        assert sum(f"{key}: " in line for line in lines) == 1, (key, lines)


def test_the_files_that_are_deployed_are_sound(tmp_path):
    """The container's own plugins.toml, with the variables that compose.yaml sets."""
    deploy = Path(__file__).parents[2] / "deploy"
    environ = {
        "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": f"postgresql://hexastar:{PASSWORD}@database:5432/hexastar",
        "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__PLAINTEXT": "true",
        "HEXASTAR__SECRET_KEY": SECRET,
        "HEXASTAR__ADMIN_KEY": ADMIN_KEY,
    }
    written = (deploy / "compose.yaml").read_text(encoding="utf-8")
    assert [name for name in environ if f"{name}:" not in written] == []
    assert sum(line.strip().startswith("HEXASTAR__") for line in written.splitlines()) == len(environ)
    code, lines = checked(tmp_path, (deploy / "plugins.toml").read_text(encoding="utf-8"), **environ)
    assert code == 0, lines
