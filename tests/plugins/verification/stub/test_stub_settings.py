"""The settings: a delay and faults for every request of the three groups, the same again for the same seed."""

import pytest

from core.composition import compose
from core.declarations import routes_of
from core.faults import ConfigurationError
from core.testing.application import running_application
from core.testing.migrated import environ_for_tests
from plugins.verification.settings import Settings
from plugins.verification.stub.settings import StubSettings
from tests.plugins.verification.stub.stubs import LICENSE, STUB, by, rule, save

SETTINGS = f"{STUB}/settings"
PLAIN = {
    "delay": None,
    "fault_probability": 0.0,
    "faults": ["status-503", "status-500", "status-429"],
    "random_seed": None,
}


async def test_settings_are_put_whole_and_shown(admin_client):
    assert (await admin_client.get(SETTINGS)).json() == PLAIN
    given = {"delay": {"fixed": 5}, "fault_probability": 0.5, "faults": ["empty"], "random_seed": 7}
    assert (await admin_client.put(SETTINGS, json=given)).json() == given
    assert (await admin_client.get(SETTINGS)).json() == given
    assert (await admin_client.put(SETTINGS, json={})).json() == PLAIN


async def test_every_request_fails_where_faults_are_certain_but_not_health_nor_the_control_plane(admin_client, client):
    await save(admin_client, rule("r"))
    await admin_client.put(SETTINGS, json={"fault_probability": 1, "faults": ["status-503"]})
    for _ in range(5):
        answer = await client.get(LICENSE)
        assert (answer.status_code, answer.json()["code"]) == (503, "stub_fault")
    for path in ("/health/ready", "/api/v1/health", SETTINGS):
        assert (await admin_client.get(path)).status_code == 200


async def test_the_same_seed_plays_the_same_faults(admin_client, client):
    async def played():
        await admin_client.put(SETTINGS, json={"fault_probability": 0.5, "random_seed": 42})
        return [(await client.get(LICENSE)).status_code for _ in range(30)]

    first = await played()
    assert {400, 503, 500, 429} >= set(first)
    assert len(set(first)) > 2
    assert await played() == first


async def test_a_change_of_rules_leaves_the_sequence_alone(admin_client, client):
    async def played(meanwhile):
        await admin_client.put(SETTINGS, json={"fault_probability": 0.5, "random_seed": 1, "faults": ["status-503"]})
        statuses = []
        for _ in range(10):
            statuses.append((await client.get(LICENSE)).status_code == 503)
            await meanwhile()
        return statuses

    async def nothing():
        pass

    async def add_rule():
        await save(admin_client, rule("r"))

    assert await played(nothing) == await played(add_rule)


async def test_who_asks_for_a_fault_draws_none(admin_client, client):
    await admin_client.put(SETTINGS, json={"fault_probability": 0.5, "random_seed": 42})
    plain = [(await client.get(LICENSE)).status_code for _ in range(10)]
    await admin_client.put(SETTINGS, json={"fault_probability": 0.5, "random_seed": 42})
    mixed = []
    for _ in range(10):
        await client.get(LICENSE, headers={"X-Stub-Fault": "status-500"})
        await client.get(LICENSE, headers={"Prefer": "code=404"})
        mixed.append((await client.get(LICENSE)).status_code)
    assert mixed == plain


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"fault_probability": 1.1}, "/fault_probability"),
        ({"fault_probability": -0.1}, "/fault_probability"),
        ({"faults": []}, "/faults"),
        ({"faults": ["reset"]}, "/faults/0"),
        ({"random_seed": -1}, "/random_seed"),
        ({"random_seed": 2**53}, "/random_seed"),
        ({"delay": {}}, "/delay"),
        ({"delay": {"fixed": 1, "uniform": {"lower": 1, "upper": 2}}}, "/delay"),
        ({"delay": {"fixed": 60_001}}, "/delay/fixed"),
        ({"delay": {"lognormal": {"median": 0, "sigma": 1}}}, "/delay/lognormal/median"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_what_cannot_be_settings_is_refused(admin_client, settings, pointer):
    answer = await admin_client.put(SETTINGS, json=settings)
    assert answer.status_code == 400, answer.text
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


def test_the_control_plane_is_on_except_in_production_which_refuses_it():
    assert [Settings().in_profile(profile).stub.enabled for profile in ("development", "test", "production")] == [
        True,
        True,
        False,
    ]
    assert "stub.enabled" not in dict(Settings(open_reads=False).in_profile("production").unsafe())
    wanted = Settings(open_reads=False, stub=StubSettings(enabled=True)).in_profile("production")
    assert list(dict(wanted.unsafe())) == ["stub.enabled"]


def test_a_control_plane_in_production_is_a_fault_of_the_configuration(hexastar_config, hexastar_environ):
    environ = {
        **hexastar_environ,
        "HEXASTAR__PROFILE": "production",
        "HEXASTAR__PLUGINS__VERIFICATION__STUB__ENABLED": "true",
    }
    with pytest.raises(ConfigurationError) as caught:
        compose(hexastar_config, environ)
    assert "plugins.verification.stub.enabled: production refuses it" in caught.value.report()


@pytest.mark.parametrize(
    ("setting", "has_plane"), [("STUB__ENABLED", False), ("STUB__CONTROLS", True)], ids=["no plane", "no controls"]
)
async def test_where_controls_are_off_they_are_ignored_and_the_answer_says_so(
    database, hexastar_config, hexastar_environ, tmp_path, setting, has_plane
):
    environ = hexastar_environ | {f"HEXASTAR__PLUGINS__VERIFICATION__{setting}": "false"}
    async with (
        running_application(str(hexastar_config), environ_for_tests(database, environ, tmp_path)) as running,
        running.admin_client() as client,
    ):
        for headers in ({"X-Stub-Fault": "status-500"}, {"X-Stub-Delay-Ms": "nonsense"}, {"Prefer": "code=500"}):
            answer = await client.get(LICENSE, params={"doctor_id": "D1"}, headers=headers)
            assert (answer.status_code, answer.headers["x-stub-controls"]) == (404, "disabled")
        plain = await client.get(LICENSE, params={"doctor_id": "D1"}, headers={"Prefer": "wait=1"})
        assert "x-stub-controls" not in plain.headers
        paths = (await client.get("/schema/openapi.json")).json()["paths"]
        assert any(path.startswith(STUB) for path in paths) is has_plane
        assert "Stub" not in str(paths[LICENSE]["get"]["parameters"])
        found = await client.get(SETTINGS)
        assert found.status_code == (200 if has_plane else 404)
        if has_plane:
            await save(client, rule("r"))
            assert await by(client) == "r"
            await client.post(f"{STUB}/reset")


def test_in_production_there_are_no_routes_of_the_control_plane(hexastar_config, hexastar_environ):
    environ = hexastar_environ | {
        "HEXASTAR__PROFILE": "production",
        "HEXASTAR__SECRET_KEY": "a secret key that only this test has, long",
        "HEXASTAR__ADMIN_KEY": "an admin key that only this test has, long",
        "HEXASTAR__PUBLIC_URL": "https://api.example.org",
        "HEXASTAR__PLUGINS__VERIFICATION__OPEN_READS": "false",
        "HEXASTAR__PORTS__STORAGE": "postgres",
        "HEXASTAR__PORTS__MAIL": "smtp",
        "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": "postgresql://hexastar:secret@db.example.org/hexastar?sslmode=verify-full",
        "HEXASTAR__ADAPTERS__MAIL__SMTP__HOST": "mail.example.org",
        "HEXASTAR__ADAPTERS__MAIL__SMTP__SENDER": "hexastar@example.org",
        "HEXASTAR__HTTP__ALLOWED_HOSTS": '["api.example.org"]',
    }
    routes = [
        route for _, handlers in compose(hexastar_config, environ).declarations.routes for route in routes_of(handlers)
    ]
    assert f"GET {LICENSE}" in routes
    assert not [route for route in routes if "_stub" in route]


async def test_a_delay_that_was_asked_for_is_not_cut_off_by_the_deadline_of_requests(
    database, hexastar_config, hexastar_environ, tmp_path
):
    environ = hexastar_environ | {"HEXASTAR__HTTP__REQUEST_TIMEOUT": "0.2"}
    async with (
        running_application(str(hexastar_config), environ_for_tests(database, environ, tmp_path)) as running,
        running.client() as client,
    ):
        answer = await client.get(LICENSE, headers={"X-Stub-Delay-Ms": "400"})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_identifier")


async def test_stored_settings_that_cannot_be_read_are_as_good_as_the_defaults(admin_client, client, storage):
    """A newer version may have stored them."""
    await admin_client.put(SETTINGS, json={"fault_probability": 1})
    connection = await storage.connect(application_name="test")
    await connection.execute(
        """UPDATE verification.stub_settings SET settings = '{"weather": "bad"}',
            settings_revision = nextval('verification.stub_revision'),
            revision = nextval('verification.stub_revision')"""
    )
    await connection.close()
    assert (await admin_client.get(SETTINGS)).json() == PLAIN
    await save(admin_client, rule("r"))
    assert await by(client) == "r"
