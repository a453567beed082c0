"""The one-time login: a token that `run` prints in a URL and that opens one session of the console."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final

from core.keys import KeyRing

PURPOSE: Final = "console-login"
LIFETIME: Final = timedelta(minutes=15)

_NONCE_BYTES: Final = 16
_EXPIRY_BYTES: Final = 8
_MAC_BYTES: Final = 32


def login_token(keys: KeyRing, now: datetime) -> str:
    """Return a new token that is good for `LIFETIME`."""
    expiry = int((now + LIFETIME).timestamp())
    content = secrets.token_bytes(_NONCE_BYTES) + expiry.to_bytes(_EXPIRY_BYTES)
    return urlsafe_b64encode(_mac(keys.keys(PURPOSE)[0], content) + content).rstrip(b"=").decode()


def login_nonce(token: str, keys: KeyRing, now: datetime) -> bytes | None:
    """Return the nonce by which a token is known once used; None where it is not one of ours, or has expired."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        return None
    mac, content = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(key, content)) for key in keys.keys(PURPOSE)):
        return None
    expiry = int.from_bytes(content[_NONCE_BYTES:])
    return content[:_NONCE_BYTES] if now.timestamp() < expiry else None


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")
