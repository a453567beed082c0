"""Receipts: who signed, what was changed, and that nothing forged is taken for one of ours."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from uuid import UUID

import jwt
import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from hypothesis import given
from hypothesis import strategies as st

from core.keys import KeyRing
from plugins.verification.evidence.receipts import (
    ISSUER,
    PURPOSE,
    TYPE,
    InvalidReceiptError,
    Receipt,
    Signer,
    Subject,
    canonical_hash,
)

SIGNER = Signer(KeyRing("a secret of this deployment").keys(PURPOSE))
OTHER = Ed25519PrivateKey.generate()
RECEIPT = Receipt(
    iss=ISSUER,
    request_id=UUID("019a0000-0000-7000-8000-000000000000"),
    kind="psv/verify",
    subject=Subject("doctor", "DOC-1"),
    outcome="found",
    verdict="VERIFIED",
    response_hash="0" * 64,
    as_of=date(2026, 1, 5),
    verified_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
    valid_until=datetime(2026, 5, 5, 12, tzinfo=UTC),
)
STATED = msgspec.to_builtins(RECEIPT)
TOKEN = SIGNER.sign(RECEIPT)
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")
KID = SIGNER.public_keys[0].kid
PUBLIC = urlsafe_b64decode(SIGNER.public_keys[0].x + "=")
SEED = KeyRing("a secret of this deployment").keys(PURPOSE)[0]


def b64(data: bytes | str | dict) -> str:
    raw = msgspec.json.encode(data) if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: dict | str, payload: str = PAYLOAD, signature: str = SIGNATURE) -> str:
    return f"{header if isinstance(header, str) else b64(header)}.{payload}.{signature}"


def ours(**changes) -> dict:
    return {"alg": "EdDSA", "kid": KID, "typ": TYPE} | changes


def signed_by(key, header: dict, payload: str = PAYLOAD) -> str:
    signing_input = f"{b64(header)}.{payload}"
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


def hmac_with(secret: bytes, header: dict) -> str:
    signing_input = f"{b64(header)}.{PAYLOAD}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def payload_with(**changes) -> str:
    return b64(STATED | changes)


def flipped(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def other_last_character() -> str:
    """The same signature in bytes, written with other spare bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return SIGNATURE[:-1] + alphabet[alphabet.index(SIGNATURE[-1]) ^ 1]


FORGED = {
    "no algorithm, no signature": token({"alg": "none", "typ": TYPE}, signature=""),
    "no algorithm, the signature kept": token(ours(alg="none")),
    "no algorithm in capitals": token(ours(alg="NONE")),
    "HS256 with the public key": hmac_with(PUBLIC, ours(alg="HS256")),
    "HS256 with the public key in its text form": hmac_with(SIGNER.public_keys[0].x.encode(), ours(alg="HS256")),
    "HS256 with the thumbprint": hmac_with(KID.encode(), ours(alg="HS256")),
    "RS256": jwt.encode(STATED, generate_rsa(65537, 2048), "RS256", headers=ours(alg="RS256")),
    "ES256": jwt.encode(STATED, generate_private_key(SECP256R1()), "ES256", headers=ours(alg="ES256")),
    "another key under our kid": signed_by(OTHER, ours()),
    "another key under its own kid": signed_by(OTHER, ours(kid="other")),
    "another key that comes along": signed_by(
        OTHER, ours(jwk={"kty": "OKP", "crv": "Ed25519", "x": b64(OTHER.public_key().public_bytes_raw())})
    ),
    "another key at an address": signed_by(OTHER, ours(jku="https://evil.example/jwks.json")),
    "a kid that is a path": signed_by(OTHER, ours(kid="../../../../dev/null")),
    "a kid that is a statement": signed_by(OTHER, ours(kid="x' UNION SELECT 'key")),
    "a kid that is no text": signed_by(OTHER, ours(kid=[KID])),
    "no kid": signed_by(OTHER, {"alg": "EdDSA", "typ": TYPE}),
    "another type": signed_by(OTHER, ours(typ="JWT")),
    "our key in another header": signed_by(Ed25519PrivateKey.from_private_bytes(SEED), ours(typ="JWT")),
    "a critical extension": signed_by(OTHER, ours(crit=["b64"], b64=False)),
    "a duplicate member of the header": token(
        b64('{"alg":"none","alg":"EdDSA","kid":"' + KID + '","typ":"' + TYPE + '"}')
    ),
    "a header in another order": token(b64({"typ": TYPE, "kid": KID, "alg": "EdDSA"})),
    "an altered verdict": token(HEADER, payload_with(verdict="NOT_VERIFIED")),
    "an altered subject": token(HEADER, payload_with(subject={"type": "doctor", "key": "DOC-2"})),
    "a later end": token(HEADER, payload_with(valid_until="2099-01-01T00:00:00Z")),
    "a duplicate member of the payload": token(
        HEADER, b64(msgspec.json.encode(RECEIPT)[:-1] + b',"verdict":"NOT_VERIFIED"}')
    ),
    "an altered signature": token(HEADER, PAYLOAD, flipped(SIGNATURE, 10)),
    "a signature of zeros": token(HEADER, PAYLOAD, b64(bytes(64))),
    "the signature in another spelling": token(HEADER, PAYLOAD, other_last_character()),
    "a signature cut short": token(HEADER, PAYLOAD, SIGNATURE[:-1]),
    "a payload cut short": token(HEADER, PAYLOAD[:-4]),
    "a token cut in half": TOKEN[: len(TOKEN) // 2],
    "padding": token(HEADER, PAYLOAD, SIGNATURE + "=="),
    "a line break at the end": TOKEN + "\n",
    "spaces around": f" {TOKEN} ",
    "the other alphabet of base64": token(HEADER, PAYLOAD, SIGNATURE.replace("-", "+").replace("_", "/") + "+"),
    "four parts": TOKEN + "." + SIGNATURE,
    "two parts": f"{HEADER}.{PAYLOAD}",
    "five parts, as of an encrypted one": f"{HEADER}.{PAYLOAD}.{SIGNATURE}.{PAYLOAD}.{SIGNATURE}",
    "the general form": msgspec.json.encode({"payload": PAYLOAD, "signatures": []}).decode(),
    "nothing": "",
    "dots": "..",
    "a huge payload": token(HEADER, "A" * 1_000_000),
    "a huge header": token("A" * 1_000_000),
    "a header nested deep": token(b64("[" * 1_000 + "]" * 1_000)),
    "NUL": token(HEADER, PAYLOAD, "\0" * 86),
    "letters that are none": token(HEADER, PAYLOAD, "é" * 86),
    "a lone surrogate": token(HEADER, PAYLOAD, "\ud800" * 86),
    "digits of another script": token(HEADER, PAYLOAD, "\u0661" * 86),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_nothing_forged_is_taken_for_a_receipt(forged):
    with pytest.raises(InvalidReceiptError):
        SIGNER.read(forged)


def test_a_receipt_says_again_what_was_signed():
    assert SIGNER.read(TOKEN) == RECEIPT


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ("no algorithm, the signature kept", "unsupported_algorithm"),
        ("HS256 with the public key", "unsupported_algorithm"),
        ("another key under its own kid", "unknown_key"),
        ("another key under our kid", "bad_signature"),
        ("an altered verdict", "bad_signature"),
        ("an altered signature", "bad_signature"),
        ("a token cut in half", "malformed"),
        ("another type", "malformed"),
        ("the signature in another spelling", "malformed"),
    ],
)
def test_the_reason_tells_what_is_wrong(forged, reason):
    with pytest.raises(InvalidReceiptError) as refused:
        SIGNER.read(FORGED[forged])
    assert refused.value.reason == reason


def test_a_statement_of_another_issuer_is_none_of_ours():
    foreign = SIGNER.sign(msgspec.structs.replace(RECEIPT, iss="somebody else"))
    with pytest.raises(InvalidReceiptError) as refused:
        SIGNER.read(foreign)
    assert refused.value.reason == "wrong_issuer"


@given(st.integers(0, len(TOKEN) - 1), st.characters(categories=["L", "N", "P"]))
def test_no_character_of_a_receipt_can_be_changed(place, character):
    if TOKEN[place] == character:
        return
    with pytest.raises(InvalidReceiptError):
        SIGNER.read(TOKEN[:place] + character + TOKEN[place + 1 :])


@given(st.text(max_size=300) | st.text(alphabet="eyJ.A-_0=", max_size=300))
def test_whatever_is_read_is_refused_in_order(text):
    with pytest.raises(InvalidReceiptError):
        SIGNER.read(text)


def test_the_previous_secret_is_recognised_while_it_rotates_and_no_longer():
    old = Signer(KeyRing("the old secret").keys(PURPOSE))
    issued = old.sign(RECEIPT)
    rotating = Signer(KeyRing("the new secret", "the old secret").keys(PURPOSE))
    assert rotating.read(issued) == RECEIPT
    assert [key.kid for key in rotating.public_keys][1] == old.public_keys[0].kid
    assert rotating.sign(RECEIPT).split(".")[0] != issued.split(".")[0]
    with pytest.raises(InvalidReceiptError) as refused:
        Signer(KeyRing("the new secret").keys(PURPOSE)).read(issued)
    assert refused.value.reason == "unknown_key"


def test_every_process_of_a_deployment_signs_with_the_same_key():
    again = Signer(KeyRing("a secret of this deployment").keys(PURPOSE))
    assert again.sign(RECEIPT) == TOKEN
    assert again.public_keys == SIGNER.public_keys


def test_a_library_that_knows_the_public_key_alone_accepts_it():
    [key] = SIGNER.public_keys
    public = jwt.PyJWK.from_dict(msgspec.to_builtins(key))
    assert jwt.decode(TOKEN, public, algorithms=["EdDSA"], issuer=ISSUER) == STATED
    assert jwt.get_unverified_header(TOKEN) == {"alg": "EdDSA", "kid": key.kid, "typ": TYPE}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(FORGED["an altered verdict"], public, algorithms=["EdDSA"])


def test_a_public_key_is_named_by_its_thumbprint():
    """RFC 8037, appendix A.3."""
    raw = urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    thumbprint = hashlib.sha256(rfc8785.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64(raw)})).digest()
    assert b64(thumbprint) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    [key] = Signer([urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")]).public_keys
    assert (key.x, key.kid) == (b64(raw), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")


def test_the_hash_is_of_the_content_and_not_of_its_spelling():
    answer = {"b": 1, "a": {"z": "é", "y": [1.0, None]}, "verification": {"receipt": None, "as_of": "2026-01-05"}}
    other = {"verification": {"as_of": "2026-01-05", "receipt": TOKEN}, "a": {"y": [1, None], "z": "é"}, "b": 1}
    assert canonical_hash(answer) == canonical_hash(other)
    assert canonical_hash(answer) == hashlib.sha256(rfc8785.dumps(answer)).hexdigest()
    assert canonical_hash(answer) != canonical_hash(answer | {"b": 2})
    assert other["verification"]["receipt"] == TOKEN
