"""Receipts: signed statements of what was answered, which anybody can check who knows the public keys.

A receipt is a compact JWS (RFC 7515, EdDSA over Ed25519) whose payload is a `Receipt`. It names the answer by the
SHA-256 of its canonical form (RFC 8785), taken with `verification.receipt` null, so that whoever holds both can tell
whether they belong together. The keys are derived from the deployment's secret; while that rotates, receipts of the
previous one are still recognised.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

PURPOSE: Final = "verification receipts"
"""What the keys are derived for."""

ISSUER: Final = "hexastar:verification"
TYPE: Final = "verification-receipt+jws"
ALGORITHM: Final = "EdDSA"
LONGEST: Final = 8_192
"""Characters of a receipt; one of ours has some 900."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]{1,2000}\.[A-Za-z0-9_-]{1,6000}\.[A-Za-z0-9_-]{0,2000}", re.ASCII)

Reason = Literal["malformed", "unsupported_algorithm", "unknown_key", "bad_signature", "wrong_issuer"]


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom or what an answer is about."""

    type: Annotated[str, msgspec.Meta(examples=["doctor"])]
    key: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receipt states."""

    iss: Annotated[str, msgspec.Meta(description="Who states it.")]
    request_id: Annotated[UUID, msgspec.Meta(description="Names the verification; the key of its record.")]
    kind: Annotated[str, msgspec.Meta(description="What was asked.", examples=["psv/verify"])]
    subject: Subject
    outcome: Annotated[str, msgspec.Meta(description="Whether the source holds what was asked about.")]
    verdict: Annotated[str | None, msgspec.Meta(description="What was decided, where something was.")]
    response_hash: Annotated[str, msgspec.Meta(description="SHA-256 of the answer in its canonical form (RFC 8785).")]
    as_of: Annotated[date, msgspec.Meta(description="The day that the answer is true of.")]
    verified_at: datetime
    valid_until: Annotated[datetime, msgspec.Meta(description="After that the answer is stale.")]


class PublicKey(msgspec.Struct, frozen=True):
    """A public key as a JWK (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: Annotated[str, msgspec.Meta(description="Its thumbprint (RFC 7638).")]
    alg: Literal["EdDSA"]
    use: Literal["sig"]


class InvalidReceiptError(ValueError):
    """Something that is no receipt of ours; `reason` is a word for programs."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Signer:
    """Signs receipts and recognises them.

    Args:
        seeds: 32 bytes each; the first signs, all are recognised.
    """

    def __init__(self, seeds: Sequence[bytes]) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        self._private = keys[0]
        self.public_keys: Final = tuple(_public(key.public_key().public_bytes_raw()) for key in keys)
        headers = [_header(public) for public in self.public_keys]
        self._header = headers[0]
        self._recognised = {header: key.public_key() for header, key in zip(headers, keys, strict=True)}

    def sign(self, receipt: Receipt) -> str:
        """Return the receipt as a compact JWS."""
        signed = f"{self._header}.{_encode(msgspec.json.encode(receipt))}"
        return f"{signed}.{_encode(self._private.sign(signed.encode()))}"

    def read(self, token: str) -> Receipt:
        """Return what `token` states, once it is certain that it was signed here.

        Its header must be one of ours to the byte, so that no header can choose algorithm or key; and no encoding but
        the shortest is accepted, so that a receipt has exactly one form.

        Raises:
            InvalidReceiptError: it is none of ours, or it was changed.
        """
        if len(token) > LONGEST or _COMPACT.fullmatch(token) is None:
            raise InvalidReceiptError("malformed")
        signed, _, _ = token.rpartition(".")
        header, payload, signature = (_decode(part) for part in token.split("."))
        key = self._recognised.get(signed.partition(".")[0])
        if key is None:
            raise InvalidReceiptError(_blame(header))
        if not _has_signed(key, signature, signed):
            raise InvalidReceiptError("bad_signature")
        try:
            receipt = msgspec.json.decode(payload, type=Receipt)
        except (msgspec.DecodeError, UnicodeError):
            raise InvalidReceiptError("malformed") from None
        if receipt.iss != ISSUER:
            raise InvalidReceiptError("wrong_issuer")
        return receipt


def canonical_hash(answer: Any) -> str:
    """Return the SHA-256, in hexadecimal, of an answer's canonical JSON (RFC 8785) with `verification.receipt` null.

    `answer` is a Struct, or the JSON object that it was sent as.

    Raises:
        ValueError: it has no canonical form: a number that no double holds exactly, a lone surrogate.
    """
    import rfc8785

    document = msgspec.json.decode(msgspec.json.encode(answer))
    if isinstance(block := document.get("verification"), dict):
        block["receipt"] = None
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def _public(raw: bytes) -> PublicKey:
    x = _encode(raw)
    thumbprint = hashlib.sha256(msgspec.json.encode({"crv": "Ed25519", "kty": "OKP", "x": x})).digest()
    return PublicKey(kty="OKP", crv="Ed25519", x=x, kid=_encode(thumbprint), alg="EdDSA", use="sig")


def _header(key: PublicKey) -> str:
    """Return the first part of every receipt that is signed with `key`."""
    return _encode(msgspec.json.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}))


def _has_signed(key: Any, signature: bytes, signed: str) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, signed.encode())
    except InvalidSignature:
        return False
    return True


def _blame(header: bytes) -> Reason:
    """Return what is wrong with a header that is none of ours."""
    try:
        claimed = msgspec.json.decode(header)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "malformed"
    if not isinstance(claimed, dict) or claimed.keys() != {"alg", "kid", "typ"} or claimed["typ"] != TYPE:
        return "malformed"
    return "unknown_key" if claimed["alg"] == ALGORITHM else "unsupported_algorithm"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    """Return the bytes of a part, of which base64 has other spellings, too, that are refused."""
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidReceiptError("malformed") from None
    if _encode(decoded) != part:
        raise InvalidReceiptError("malformed")
    return decoded
