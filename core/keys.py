"""Keys: one secret, a key for each purpose derived from it, and the admin key."""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.config import Config
from core.faults import ConfigurationError, ConfigurationFault

KEY_BYTES: Final = 32


class KeyRing:
    """Derives keys by purpose from the secret key (HKDF-SHA256, RFC 5869), and from the previous one while it rotates.

    Without a configured secret (development, test) one is generated and kept under the state folder.
    """

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._secrets = [secret] if previous is None else [secret, previous]

    def keys(self, purpose: str) -> tuple[bytes, ...]:
        """Return the keys for `purpose`: sign with the first, accept any."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return tuple(
            HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(secret.encode())
            for secret in self._secrets
        )


def key_ring(config: Config) -> KeyRing:
    """Return the key ring of this deployment."""
    if config.secret_key is None:
        return KeyRing(kept_secret(config.state_path / "secret_key"))
    previous = config.previous_secret_key
    return KeyRing(config.secret_key.reveal(), previous.reveal() if previous else None)


def admin_key(config: Config) -> str:
    """Return the admin key: the configured one, or one that the first start generated."""
    if config.admin_key is not None:
        return config.admin_key.reveal()
    return kept_secret(config.state_path / "admin_key")


def kept_secret(file: Path) -> str:
    """Return the secret in `file`, made at the first call and readable by its owner only (mode 600).

    Raises:
        ConfigurationError: the file can be neither made nor read.
    """
    try:
        if not file.exists():
            _make(file)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        hint = "name a state_dir with room that this user may write to, or configure the key"
        fault = ConfigurationFault(str(file), "", f"the key cannot be kept here: {error.strerror}", hint)
        raise ConfigurationError([fault]) from error


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        draft.write_text(secrets.token_urlsafe(KEY_BYTES), encoding="ascii")
        with suppress(FileExistsError):  # linking is atomic, and fails where another process was first
            file.hardlink_to(draft)
    finally:
        draft.unlink()
