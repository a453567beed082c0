"""What a statement is compiled to, how its arguments are found, and how its rows are built."""

import enum
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import (
    ARRAY,
    Column,
    Float,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from ports.queries import Command, Query

numbers = count(1)
things = Table(
    "things",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("serial", Integer, default=lambda: next(numbers)),
    Column("state", Text, default="new"),
    Column("price", Numeric(14, 2)),
    Column("document", JSONB),
    Column("version", Integer, onupdate=lambda: next(numbers)),
)


class Colour(enum.Enum):
    RED = "red"


class Thing(msgspec.Struct):
    id: int
    name: str


class Priced(msgspec.Struct):
    name: str
    note: str = "none"
    price: Decimal = Decimal(1)


class Keyed(msgspec.Struct, kw_only=True):
    name: str
    id: int


class Document(msgspec.Struct):
    colours: list[Colour]


class WithDocument(msgspec.Struct):
    document: Document | None
    state: Colour | None


def sql(query: Query[Any]) -> str:
    return " ".join(query.compiled.sql.split())


def test_arguments_follow_the_statements_order_whatever_the_keywords_order() -> None:
    query = Query(select(things.c.id).where(things.c.name == bindparam("name"), things.c.id > bindparam("after")), UUID)
    assert sql(query).endswith("WHERE things.name = $1::VARCHAR AND things.id > $2::UUID")
    assert query.compiled.arguments({"after": 1, "name": "n"}) == ("n", 1)


def test_a_parameter_that_occurs_twice_is_one_argument() -> None:
    statement = upsert(things).values(id=bindparam("id"), name=bindparam("name"), serial=1, state="s")
    command = Command(statement.on_conflict_do_update(index_elements=["id"], set_={"name": bindparam("name")}))
    assert command.compiled.arguments({"id": 1, "name": "n"}) == (1, "n", 1, "s")


def test_literals_of_the_statement_keep_their_places() -> None:
    query = Query(select(things.c.id).where(things.c.state == "new", things.c.name == bindparam("name")).limit(5), UUID)
    assert query.compiled.arguments({"name": "n"}) == ("new", "n", 5)


def test_a_list_in_the_statement_is_written_out_once() -> None:
    query = Query(select(things.c.id).where(things.c.state.in_(["a", "b"]), things.c.name == bindparam("name")), UUID)
    arguments = query.compiled.arguments({"name": "n"})
    assert sorted(arguments) == ["a", "b", "n"]
    assert sql(query).count("$") == 3


def test_an_open_list_is_refused_in_favour_of_an_array() -> None:
    with pytest.raises(TypeError, match="use any_"):
        _ = Query(select(things.c.id).where(things.c.name.in_(bindparam("names"))), UUID).compiled
    query = Query(select(things.c.id).where(things.c.name == any_(bindparam("names", type_=ARRAY(Text)))), UUID)
    assert query.compiled.arguments({"names": ["a"]}) == (["a"],)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "missing after, name"),
        ({"name": "n"}, "missing after"),
        ({"name": "n", "after": 1, "b": 2, "a": 3}, "unknown a, b"),
        ({"nome": "n", "after": 1}, "missing name; unknown nome"),
    ],
)
def test_parameters_that_do_not_fit_are_all_named(given: dict[str, Any], message: str) -> None:
    query = Query(select(things.c.id).where(things.c.name == bindparam("name"), things.c.id > bindparam("after")), UUID)
    with pytest.raises(TypeError, match=f"{message}$"):
        query.compiled.arguments(given)


def test_python_defaults_are_made_anew_for_each_execution() -> None:
    command = Command(insert(things).values(id=bindparam("id")))
    _, first, state = command.compiled.arguments({"id": 1})
    _, second, _ = command.compiled.arguments({"id": 1})
    assert (second, state) == (first + 1, "new")
    change = Command(update(things).where(things.c.id == bindparam("which")).values(name=bindparam("name")))
    before = next(numbers)
    assert change.compiled.arguments({"which": 1, "name": "n"}) == ("n", before + 1, 1)


def test_json_is_left_to_the_connections_codec() -> None:
    command = Command(update(things).values(document=bindparam("document"), version=1))
    assert command.compiled.arguments({"document": {"a": 1}}) == ({"a": 1}, 1)


def test_columns_may_stand_in_any_order() -> None:
    in_order = Query(select(things.c.id, things.c.name), into=Thing)
    reversed_ = Query(select(things.c.name, things.c.id), into=Thing)
    assert in_order.compiled.build((1, "n")) == reversed_.compiled.build(("n", 1)) == Thing(1, "n")


def test_keyword_only_structs_and_gaps_of_defaults_are_filled_by_name() -> None:
    assert Query(select(things.c.id, things.c.name), into=Keyed).compiled.build((1, "n")) == Keyed(id=1, name="n")
    query = Query(select(things.c.name, things.c.price), into=Priced)
    assert query.compiled.build(("n", Decimal(2))) == Priced("n", price=Decimal(2))


@pytest.mark.parametrize(
    "columns",
    [
        [things.c.id],
        [things.c.id, things.c.name, things.c.state],
        [things.c.id, func.now()],
        [things.c.id, things.c.id],
    ],
    ids=["missing", "too many", "unnamed", "twice"],
)
def test_columns_that_do_not_fit_the_struct_are_refused(columns: list[Any]) -> None:
    with pytest.raises(TypeError, match="Thing does not fit the columns id"):
        _ = Query(select(*columns), into=Thing).compiled


def test_a_scalar_takes_one_column() -> None:
    assert Query(select(func.count()), into=int).compiled.build((3,)) == 3
    with pytest.raises(TypeError, match="one column, the statement has 2"):
        _ = Query(select(things.c.id, things.c.name), into=int).compiled


def test_json_and_text_become_the_structs_and_enums_of_their_fields() -> None:
    build = Query(select(things.c.document, things.c.state), into=WithDocument).compiled.build
    assert build(({"colours": ["red"]}, "red")) == WithDocument(Document([Colour.RED]), Colour.RED)
    assert build((None, None)) == WithDocument(None, None)
    with pytest.raises(msgspec.ValidationError):
        build((None, "no colour"))


def test_rows_of_a_command_that_names_no_type_are_refused() -> None:
    command = Command(insert(things).values(id=bindparam("id")).returning(things.c.id))
    with pytest.raises(TypeError, match="does not say"):
        command.compiled.build((1,))


def test_a_float_is_handed_on_as_the_driver_gives_it() -> None:
    seconds = Query(select(func.length("abc").cast(Float).label("seconds")), into=float)
    assert seconds.compiled.build((0.5,)) == 0.5
