"""The configuration names every fault at once, with file, key, what was expected, what was given, and a hint."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from core.cli.inspect import check
from core.composition import compose
from core.config import Config, load_config
from core.faults import ConfigurationError


def write(directory: Path, text: str) -> Path:
    file = directory / "plugins.toml"
    file.write_text(text, encoding="utf-8")
    return file


def report(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, environ or {})
    return caught.value.report()


def test_an_empty_file_is_a_valid_configuration(tmp_path):
    config = load_config(write(tmp_path, ""), {})
    assert config.profile == "development"
    assert config.enabled == ()
    assert config.works_in_process


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("profile = 3", "profile", "got int 3"),
        ('profile = "staging"', "profile", "one of 'development', 'test', 'production'"),
        ('profil = "test"', "profil", "did you mean profile?"),
        ("state_dir = true", "state_dir", "expected str, got bool True"),
        ('server = "gunicorn"', "server", "one of 'granian', 'uvicorn'"),
        ("bell = 1", "bell", "expected str"),
        ("admin_key = 5", "admin_key", "expected Secret or nothing, got int ***"),
        ('secret_key = { env = "ABSENT" }', "secret_key", "the environment variable ABSENT is not set"),
        ('secret_key = { file = "/no/such/file" }', "secret_key", "cannot be read"),
        ('secret_key = { environment = "X" }', "secret_key", "is not a reference to a secret"),
        ("plugins = 3", "plugins", "expected a table"),
        ("[plugins]\nenabled = 'verification'", "plugins.enabled", "got str"),
        ("[plugins]\nenabled = [1]", "plugins.enabled", "got"),
        ('[plugins]\nenabled = ["a", "a"]', "plugins.enabled", "'a' is listed twice"),
        ('[plugins]\nenable = ["a"]', "plugins.enable", "did you mean enabled?"),
        ('[plugins]\non_failure = "ignore"', "plugins.on_failure", "one of 'stop', 'skip'"),
        ("[ports]\nmail = 3", "ports.mail", "expected the name of an adapter, got int"),
        ("[adapters]\nmail = 'smtp'", "adapters.mail", "expected a table"),
        ("[adapters.mail]\nsmtp = 'x'", "adapters.mail.smtp", "unknown key"),
        ("[jobs]\nconcurrency = '20'", "jobs.concurrency", "expected int, got str '20'"),
        ("[jobs]\nlease = 'long'", "jobs.lease", "expected float"),
        ("[jobs]\nleases = 3", "jobs.leases", "did you mean lease?"),
        ("[jobs]\nplugin_share = 0.0", "jobs.plugin_share", "> 0.0"),
        ("[jobs]\nkeep_dead = -1", "jobs.keep_dead", ">= 0.0"),
        ("[http]\nmax_body = '2 MB'", "http.max_body", "expected int"),
        ("[http]\ncors_origins = '*'", "http.cors_origins", "got str"),
        ("[http]\nhosts = []", "http.hosts", "unknown key"),
        ("[http]\nmax_body = 0", "http.max_body", ">= 1"),
        ("[http]\nbody_timeout = nan", "http.body_timeout", "got float nan"),
        ("[http]\ntrusted_proxies = ['proxy']", "http.trusted_proxies", "'proxy' does not appear to be"),
        ("[http]\ntrusted_proxies = ['10.0.0.1/8']", "http.trusted_proxies", "has host bits set"),
        ("[http]\ncors_origins = ['https://a.example/x']", "http.cors_origins", "is not an origin"),
        ("[http]\ncors_origins = ['https://*.example.org']", "http.cors_origins", "no wildcard"),
        ("[http]\ncors_origins = ['https://App.example.org']", "http.cors_origins", "lower case"),
        ("[http]\ncors_origins = ['https://a.example:443']", "http.cors_origins", "no default port"),
        ("[http]\ncors_origins = ['https://user@a.example']", "http.cors_origins", "is not an origin"),
        ("[http]\ncors_origins = ['https://a.example/']", "http.cors_origins", "no path"),
        ("[http]\ncors_origins = ['null']", "http.cors_origins", "is not an origin"),
        ("[http]\ncors_origins = ['*', 'https://a.example']", "http.cors_origins", "'*' stands alone"),
        ("[http]\nmax_in_flight = 0", "http.max_in_flight", ">= 1"),
        ("[http]\nrate_limit = 5", "http.rate_limit", "expected a table or nothing"),
        ("[http.rate_limit]\nrequests = 0\nseconds = 1", "http.rate_limit.requests", ">= 1"),
        ("[http.rate_limit]\nrequests = 1", "http.rate_limit.seconds", "is required"),
        ("[http]\nforwarded_header = 'via'", "http.forwarded_header", "'x-forwarded-for', 'forwarded'"),
        ("http = 3", "http", "expected a table, got int 3"),
        ("[jobs]\nconcurrency = 0", "jobs.concurrency", ">= 1"),
        ("[jobs]\nlease = inf", "jobs.lease", "<= 86400"),
        ("[jobs]\ngrace = -1", "jobs.grace", ">= 0"),
        ('state_dir = ""', "state_dir", "is empty"),
        ('state_dir = "/dev/null/x"', "state_dir", "/dev/null is not a folder"),
        ('bell = "rediss://host:99999"', "bell", "the address of a Redis server"),
        ('public_url = "api.example.org"', "public_url", "expected an address"),
        ('admin_key = ""', "admin_key", "is empty"),
        ('secret_key = ""', "secret_key", "is empty"),
    ],
)
def test_each_fault_names_file_key_and_expectation(tmp_path, text, key, words):
    file = write(tmp_path, text)
    message = report(file)
    assert f"{file}: {key}: " in message
    assert words in message
    checked = CliRunner(env={"HEXASTAR_CONFIG": str(file)}).invoke(check)
    assert checked.exit_code == 78
    for line in message.splitlines()[1:]:
        assert line in checked.output


@pytest.mark.parametrize("text", ["profile = ", "[plugins", "a = 1\na = 2", "\x00"])
def test_what_is_not_toml_is_said_to_be_none(tmp_path, text):
    assert "is not TOML" in report(write(tmp_path, text))


def test_a_missing_file_is_named_with_the_way_to_name_another(tmp_path):
    message = report(tmp_path / "absent.toml")
    assert "there is no such file" in message
    assert "HEXASTAR_CONFIG" in message


def test_a_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "plugins.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in report(file)


def test_all_faults_are_told_at_once(tmp_path):
    message = report(
        write(tmp_path, 'profil = "x"\nserver = "y"\n[jobs]\nlease = "z"'), {"HEXASTAR__JOBS__CONCURRENCY": "many"}
    )
    assert message.startswith("The configuration has 4 faults:")


def test_faults_of_the_file_hide_none_of_plugins_ports_and_adapters(tmp_path):
    text = """
profile = 3
bell = "foo"
[plugins]
enabled = ["verificaton"]
[ports]
mail = "smpt"
storage = "postgres"
[adapters.storage.postgres]
dsn = "mysql://somebody:hush@host/x"
"""
    with pytest.raises(ConfigurationError) as caught:
        compose(write(tmp_path, text), {"HEXASTAR__JOBS__CONCURRENCY": "0"})
    message = caught.value.report()
    assert message.startswith("The configuration has 6 faults:")
    for key in ("profile", "bell", "plugins.enabled", "ports.mail", "adapters.storage.postgres", "jobs.concurrency"):
        assert f": {key}: " in message
    assert "hush" not in message


def test_a_file_with_a_secret_that_is_not_text_is_a_fault(tmp_path):
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    assert "it is not text in UTF-8" in report(write(tmp_path, f'secret_key = {{ file = "{tmp_path}/key" }}'))


def test_types_are_told_in_words_of_the_file(tmp_path):
    message = report(write(tmp_path, ""), {"HEXASTAR__PLUGINS__ENABLED": "verification", "HEXASTAR__JOBS": "1"})
    assert "plugins.enabled: expected an array of str, got str 'verification'" in message
    assert "jobs: expected a table, got str '1'" in message


def test_environment_wins_over_dotenv_wins_over_file(tmp_path):
    file = write(tmp_path, 'state_dir = "file"\nbell = "redis://file"\nserver = "uvicorn"')
    (tmp_path / ".env").write_text("HEXASTAR__STATE_DIR=dotenv\nHEXASTAR__BELL=redis://dotenv\n", encoding="utf-8")
    config = load_config(file, {"HEXASTAR__BELL": "redis://environment"})
    assert (config.state_dir, config.bell, config.server) == ("dotenv", "redis://environment", "uvicorn")


def test_variables_are_read_as_what_their_field_expects(tmp_path):
    config = load_config(
        write(tmp_path, ""),
        {
            "HEXASTAR__JOBS__CONCURRENCY": "7",
            "HEXASTAR__JOBS__IN_PROCESS": "false",
            "HEXASTAR__PLUGINS__ENABLED": '["a", "b"]',
            "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": "postgresql://localhost/x",
            "HEXASTAR__PORTS__MAIL": "smtp",
        },
    )
    assert config.jobs.concurrency == 7
    assert config.jobs.in_process is False
    assert config.enabled == ("a", "b")
    assert config.ports == {"mail": "smtp"}
    assert config.adapter_sections["storage"]["postgres"]["dsn"] == "postgresql://localhost/x"


def test_a_faulty_variable_is_named_instead_of_the_file(tmp_path):
    file = write(tmp_path, "")
    message = report(file, {"HEXASTAR__SERVERS": "x", "HEXASTAR__JOBS__LEASE": "long"})
    assert "HEXASTAR__SERVERS: servers: unknown key (did you mean server?)" in message
    assert "HEXASTAR__JOBS__LEASE: jobs.lease: expected float" in message


def test_a_variable_that_descends_into_a_value_is_refused(tmp_path):
    assert "HEXASTAR__BELL__LOUD" in report(write(tmp_path, 'bell = "storage"'), {"HEXASTAR__BELL__LOUD": "1"})


def test_a_variable_that_looks_like_toml_and_is_none_is_refused(tmp_path):
    assert "is not a TOML value" in report(write(tmp_path, ""), {"HEXASTAR__PLUGINS__ENABLED": "[a"})


def test_a_secret_is_never_printed(tmp_path):
    message = report(write(tmp_path, 'secret_key = ["hush"]\nadmin_key = 987654321'))
    assert "hush" not in message
    assert "987654321" not in message


def test_references_to_secrets_are_resolved(tmp_path):
    (tmp_path / "key").write_text("from-file\n", encoding="utf-8")
    file = write(tmp_path, f'secret_key = {{ file = "{tmp_path}/key" }}\nadmin_key = {{ env = "KEY" }}')
    config = load_config(file, {"KEY": "from-environment"})
    assert config.secret_key is not None
    assert config.admin_key is not None
    assert config.secret_key.reveal() == "from-file"
    assert config.admin_key.reveal() == "from-environment"
    assert "from-file" not in repr(config)


def test_production_demands_keys_and_refuses_any_origin(tmp_path):
    message = report(write(tmp_path, 'profile = "production"\n[http]\ncors_origins = ["*"]'))
    assert "secret_key: is required in production" in message
    assert "admin_key: is required in production" in message
    assert "http.cors_origins: '*' is refused" in message


def test_production_refuses_a_secret_of_less_than_32_characters(tmp_path):
    message = report(write(tmp_path, f'profile = "production"\nsecret_key = "{"s" * 31}"\nadmin_key = "k"'))
    assert "secret_key: is shorter than 32 characters" in message


@pytest.mark.parametrize(
    ("text", "sends"),
    [
        ('public_url = "https://a.example"', False),
        ('profile = "production"', False),
        ('profile = "production"\npublic_url = "http://a.example"', False),
        ('profile = "production"\npublic_url = "https://a.example"', True),
        ('profile = "production"\npublic_url = "https://a.example"\n[http]\nhsts = false', False),
        ("[http]\nhsts = true", True),
    ],
)
def test_browsers_are_told_of_tls_where_production_is_behind_it_and_where_somebody_says_so(tmp_path, text, sends):
    keys = {"HEXASTAR__SECRET_KEY": "s" * 32, "HEXASTAR__ADMIN_KEY": "k"}
    assert load_config(write(tmp_path, text), keys).sends_hsts is sends


def test_production_serves_without_working_unless_told_otherwise(tmp_path):
    text = f'profile = "production"\nsecret_key = "{"s" * 32}"\nadmin_key = "k"\n'
    assert not load_config(write(tmp_path, text), {}).works_in_process
    assert load_config(write(tmp_path, text + "[jobs]\nin_process = true"), {}).works_in_process


def test_state_is_found_beside_the_file(tmp_path):
    assert load_config(write(tmp_path, ""), {}).state_path == tmp_path / "var"
    assert Config(directory=str(tmp_path), state_dir="/elsewhere").state_path == Path("/elsewhere")
