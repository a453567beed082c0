"""One secret, a key for each purpose; what nobody configured is made once and kept."""

from pathlib import Path

import pytest

from core.config import Config
from core.faults import ConfigurationError
from core.keys import KEY_BYTES, KeyRing, admin_key, kept_secret, key_ring
from ports.secrets import Secret


def test_each_purpose_has_a_key_of_its_own_that_tells_nothing_of_the_secret() -> None:
    ring = KeyRing("s" * 32)
    (one,), (other,) = ring.keys("cursors"), ring.keys("logs")
    assert one != other
    assert (len(one), len(other)) == (KEY_BYTES, KEY_BYTES)
    assert ring.keys("cursors") == (one,)
    assert b"s" * 32 not in (one, other)


def test_the_newest_secret_signs_and_the_previous_one_is_still_accepted() -> None:
    configured = Config(secret_key=Secret("new"), previous_secret_key=Secret("old"))
    assert key_ring(configured).keys("x") == (*KeyRing("new").keys("x"), *KeyRing("old").keys("x"))


def test_a_secret_that_nobody_configured_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret_key"
    made = kept_secret(file)
    assert len(made) >= KEY_BYTES
    assert kept_secret(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_secret_and_admin_key_are_kept_apart_and_a_configured_one_wins(tmp_path: Path) -> None:
    config = Config(directory=str(tmp_path))
    assert KeyRing(admin_key(config)).keys("x") != key_ring(config).keys("x")
    assert admin_key(Config(directory=str(tmp_path), admin_key=Secret("mine"))) == "mine"


def test_a_key_that_cannot_be_kept_is_a_fault_that_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as caught:
        kept_secret(tmp_path / "file" / "admin_key")
    assert f"{tmp_path}/file/admin_key: the key cannot be kept here: File exists" in caught.value.report()
