"""Every fault of a body is found, each with its place and code."""

import enum
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from core.http.body import MAX_FAULTS, decode_body
from core.http.problems import Problem
from core.http.schema_faults import convert_strictly, schema_faults
from core.http.values import EmailAddress, HeaderText, InvalidValue, Money, Timestamp

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    product_id: Annotated[str, Meta(min_length=1, max_length=8, pattern="^[A-Z0-9-]+$")]
    quantity: Annotated[int, Meta(ge=1)]
    price: Money = Money(0)


class Period(msgspec.Struct, forbid_unknown_fields=True):
    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InvalidValue("date_order", "It ends before it begins.", pointer="/end")


class Card(msgspec.Struct, tag="card", tag_field="kind", forbid_unknown_fields=True):
    number: Annotated[str, Meta(min_length=4)]


class Bank(msgspec.Struct, tag="bank", tag_field="kind", forbid_unknown_fields=True):
    iban: str


class Box(msgspec.Struct, Generic[T]):
    content: T


class Everything(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    items: Annotated[list[Item], Meta(max_length=3)] = []
    period: Period | None = None
    pay: Card | Bank | None = None
    colour: Colour | None = None
    size: Literal["s", "m"] | None = None
    at: Timestamp | None = None
    id: UUID | None = None
    email: EmailAddress | None = None
    subject: HeaderText | None = None
    labels: dict[str, int] | None = None
    pair: tuple[int, str] | None = None
    box: Box[int] | None = None
    ratio: float | None = None
    local: datetime | None = None


def found(value: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(Problem) as refused:
        decode_body(msgspec.json.encode({"name": "x", **value}), Everything)
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": 1}, {("/name", "type")}),
        ({"name": None}, {("/name", "type")}),
        ({"nmae": "x"}, {("/nmae", "unknown_field")}),
        ({"items": [{}]}, {("/items/0/productId", "missing_field"), ("/items/0/quantity", "missing_field")}),
        (
            {"items": [{"productId": "a b", "quantity": 0}]},
            {("/items/0/productId", "pattern"), ("/items/0/quantity", "range")},
        ),
        (
            {"items": [{"productId": "ABCDEFGHI", "quantity": "1"}]},
            {("/items/0/productId", "length"), ("/items/0/quantity", "type")},
        ),
        ({"items": [{"productId": "A", "quantity": 1, "price": 0.3}]}, {("/items/0/price", "float_money")}),
        ({"items": [{"productId": "A", "quantity": 1, "price": "1,000.00"}]}, {("/items/0/price", "money")}),
        ({"items": [{"productId": "A", "quantity": 1}] * 4}, {("/items", "length")}),
        ({"items": {"0": 1}}, {("/items", "type")}),
        (
            {"period": {"start": "2026-02-30", "end": 5}},
            {("/period/start", "invalid_date"), ("/period/end", "invalid_date")},
        ),
        ({"period": {"start": "2026-02-03", "end": "2026-02-01"}}, {("/period/end", "date_order")}),
        ({"period": {"start": "2026-1-5", "end": "2026-02-01"}}, {("/period/start", "invalid_date")}),
        ({"pay": {"kind": "card", "number": "1", "x": 1}}, {("/pay/number", "length"), ("/pay/x", "unknown_field")}),
        ({"pay": {"kind": "cash"}}, {("/pay/kind", "enum")}),
        ({"pay": 3}, {("/pay", "type")}),
        ({"colour": "green", "size": "xl"}, {("/colour", "enum"), ("/size", "enum")}),
        ({"at": "2026-01-01T00:00:00"}, {("/at", "invalid_datetime")}),
        ({"at": 5, "local": "yesterday"}, {("/at", "invalid_datetime"), ("/local", "invalid_datetime")}),
        ({"id": "x"}, {("/id", "invalid_uuid")}),
        ({"email": "a@localhost"}, {("/email", "invalid_email")}),
        ({"email": "a@b.org\r\nBcc: c@d.org"}, {("/email", "header_injection")}),
        ({"subject": "=?UTF-8?Q?=0A?=Bcc:"}, {("/subject", "header_injection")}),
        ({"labels": {"a/b": "x"}}, {("/labels/a~1b", "type")}),
        ({"pair": ["x", 1]}, {("/pair/0", "type"), ("/pair/1", "type")}),
        ({"pair": [1]}, {("/pair", "length")}),
        ({"box": {"content": "x"}}, {("/box/content", "type")}),
        ({"ratio": "1"}, {("/ratio", "type")}),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_place_and_code_of_each_fault(
    value: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert found(value) == expected


def test_a_good_value_has_no_fault() -> None:
    value = {
        "name": "x",
        "items": [{"productId": "A-1", "quantity": 1, "price": "29.99"}],
        "period": {"start": "2026-01-01", "end": "2026-01-02"},
        "pay": {"kind": "bank", "iban": "X"},
        "colour": "red",
        "at": "2026-01-01T00:00:00Z",
        "email": "a@EXAMPLE.org",
    }
    assert not list(schema_faults(value, Everything))
    assert convert_strictly(value, Everything).email == "a@example.org"


def test_an_unknown_field_is_answered_with_the_nearest_known_one() -> None:
    (fault,) = schema_faults({"name": "x", "colur": "red"}, Everything)
    assert "did you mean colour" in fault.message


def test_all_faults_are_told_together_in_order() -> None:
    with pytest.raises(Problem) as refused:
        decode_body(b'{"size": "xl", "items": [{"quantity": 0}], "nome": 1, "colour": 5}', Everything)
    pointers = [fault.pointer for fault in refused.value.faults]
    assert pointers == sorted(pointers)
    assert len(pointers) == 6


def test_a_flood_of_faults_is_cut_and_said_to_be() -> None:
    with pytest.raises(Problem) as refused:
        decode_body(msgspec.json.encode({str(n): 1 for n in range(500)}), Everything)
    assert len(refused.value.faults) == MAX_FAULTS
    assert "more faults" in (refused.value.detail or "")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_body(body, Everything)
    assert refused.value.type.code == "malformed_json"


def test_a_list_is_a_body_where_one_is_declared() -> None:
    assert decode_body(b"[1, 2]", list[int]) == [1, 2]


@pytest.mark.parametrize(
    "body", [b'{"name": "x", "ratio": 1e400}', b'{"name": "\\ud800"}', b'{"name": "x", "y": "\\udc00"}']
)
def test_what_only_one_of_the_two_decoders_minds_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_body(body, Everything)
    assert refused.value.type.status == 400
