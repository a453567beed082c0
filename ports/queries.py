"""Statements that are compiled to SQL once and answer with Structs: the vocabulary of the storage port.

    doctor_by_number = Query(
        select(doctors.c.number, doctors.c.name).where(doctors.c.number == bindparam("number")), into=Doctor
    )
    doctor = await storage.fetch_one(doctor_by_number, number="1234567893")

Each `bindparam("name")` becomes a required keyword; literals of the statement stay where they are. A list is
passed whole: write `column == any_(bindparam("ids", type_=ARRAY(Uuid)))`, since an IN list of unknown length
has no one SQL text.
"""

import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar, overload
from uuid import UUID

import msgspec
from sqlalchemy import JSON, Delete, Executable, Float, Insert, Numeric, Update
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import Column, ColumnDefault
from sqlalchemy.types import ARRAY, TypeEngine

T = TypeVar("T")
Row_co = TypeVar("Row_co", covariant=True)
"""What a statement's rows become; covariant, since a query gives rows and takes none."""

Process = Callable[[Any], Any]
"""Turns one value into another, on the way to the driver or back."""

Row = Any
"""One record of the driver: iterable and indexed by position."""


class PostgresDialect(asyncpg_dialect):
    """SQLAlchemy's asyncpg dialect for connections whose JSON codec takes and gives Python objects."""

    supports_statement_cache = True
    supports_native_json_serialization = True


DIALECT: Final = PostgresDialect()  # type: ignore[no-untyped-call]
_NUMERIC_OID: Final = 1700
_FLOAT_OID: Final = 701

_NOT_OF_JSON: Final = (msgspec.Struct, enum.Enum, tuple, set, frozenset, Decimal, UUID, date, time, timedelta)
"""What a field may be made of that JSON has no value for, so that a JSON column has to be converted."""


class Compiled(Generic[Row_co]):
    """The SQL of one statement, the way from keywords to its arguments, and from a record to its result."""

    __slots__ = ("_constants", "_generated", "_names", "_pick", "_processors", "build", "sql")

    def __init__(self, statement: Executable, into: type[Row_co] | None) -> None:
        compiled: SQLCompiler = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
        self.sql: str = compiled.string
        self.build: Callable[[Row], Row_co] = _refuse_rows if into is None else _builder(statement, into)
        self._generated = tuple(_generated(compiled))
        required = {name for name, bind in compiled.binds.items() if bind.required}
        self._names = frozenset(required - {name for name, _ in self._generated})
        order, values = list(compiled.positiontup or ()), dict(compiled.params)
        processors = _bind_processors(compiled)
        if compiled.post_compile_params:
            # A list that the statement holds is written out, once, since its length cannot change.
            _refuse_open_lists(compiled)
            expanded = compiled.construct_expanded_state(dict.fromkeys(required))
            self.sql, order = expanded.statement, list(expanded.positiontup or ())
            values, processors = dict(expanded.parameters), dict(expanded.processors)
        varying = {*self._names, *(name for name, _ in self._generated)}
        self._constants = {
            name: processors[name](values[name]) if name in processors else values[name]
            for name in order
            if name not in varying
        }
        self._processors = tuple((name, processors[name]) for name in order if name in processors and name in varying)
        self._pick = _picker(order)

    def arguments(self, parameters: Mapping[str, object]) -> tuple[Any, ...]:
        """Return the statement's positional arguments.

        Raises:
            TypeError: a parameter is missing or unknown.
        """
        if parameters.keys() != self._names:
            raise TypeError(_difference(self._names, parameters.keys()))
        if not (self._constants or self._generated or self._processors):
            return self._pick(parameters)
        values = {**self._constants, **parameters}
        for name, generate in self._generated:
            values[name] = generate(None)
        for name, process in self._processors:
            values[name] = process(values[name])
        return self._pick(values)


class Query(Generic[Row_co]):
    """A statement that answers rows, each built into `into`.

    `into` is a msgspec Struct, whose fields the statement's columns must name (fields with defaults may be
    absent), or the type of a single column. A JSON column is converted to the type of its field; so is a text
    column whose field is an Enum. The first use compiles it, which raises TypeError for columns that do not fit.
    """

    def __init__(self, statement: Executable, into: type[Row_co]) -> None:
        self.statement = statement
        self.into: type[Row_co] | None = into

    @cached_property
    def compiled(self) -> Compiled[Row_co]:
        """The SQL and its binding, made at the first use."""
        return Compiled(self.statement, self.into)


class Command(Query[Row_co]):
    """An INSERT, UPDATE or DELETE. With RETURNING, `into` says what each returned row is built into."""

    @overload
    def __init__(self: "Command[None]", statement: Insert | Update | Delete, into: None = None) -> None: ...
    @overload
    def __init__(self, statement: Insert | Update | Delete, into: type[Row_co]) -> None: ...
    def __init__(self, statement: Insert | Update | Delete, into: type[Row_co] | None = None) -> None:
        self.statement = statement
        self.into = into


def _bind_processors(compiled: SQLCompiler) -> dict[str, Process]:
    processors = {
        name: bind.type.dialect_impl(DIALECT).bind_processor(DIALECT) for name, bind in compiled.binds.items()
    }
    return {name: process for name, process in processors.items() if process is not None}


def _refuse_open_lists(compiled: SQLCompiler) -> None:
    for bind in compiled.post_compile_params:
        if bind.required:
            raise TypeError(f"{bind.key}: an IN list of unknown length has no one SQL text, use any_(array)")


def _generated(compiled: SQLCompiler) -> Iterable[tuple[str, Callable[[object], object]]]:
    """Yield the binds whose value the column's own default makes, for each execution anew."""
    made = [(column, column.default) for column in compiled.insert_prefetch]
    made += [(column, column.onupdate) for column in compiled.update_prefetch]
    for column, default in made:
        if not isinstance(default, ColumnDefault):
            raise TypeError(f"{column}: only plain Python defaults can be compiled, give the value yourself")
        yield column.key, default.arg if default.is_callable else partial(_constant, default.arg)


def _constant(value: object, _context: object) -> object:
    return value


def _picker(order: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if not order:
        return lambda _values: ()
    if len(order) == 1:
        (only,) = order
        return lambda values: (values[only],)
    return itemgetter(*order)


def _difference(expected: Iterable[str], given: Iterable[str]) -> str:
    missing, unknown = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    faults = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
    return f"the statement's parameters do not fit: {'; '.join(faults)}"


def _builder(statement: Executable, into: type[T]) -> Callable[[Row], T]:
    columns: list[Column[Any]] = list(statement.exported_columns)  # type: ignore[attr-defined]
    if not issubclass(into, msgspec.Struct):
        return _scalar_builder(columns, into)
    names = [str(column.key) for column in columns]
    fields = {field.name: field for field in msgspec.structs.fields(into)}
    needed = {name for name, field in fields.items() if field.required}
    if set(names) - fields.keys() or needed - set(names) or len(set(names)) != len(names):
        raise TypeError(f"{into.__name__} does not fit the columns {', '.join(names)}")
    processors = [
        (index, process)
        for index, column in enumerate(columns)
        if (process := _result_processor(column.type, fields[names[index]].type)) is not None
    ]
    return _processed(_constructor(into, names), processors)


def _refuse_rows(_record: Row) -> Any:
    raise TypeError("the command does not say what its rows are built into")


def _scalar_builder(columns: list[Column[Any]], into: type[T]) -> Callable[[Row], T]:
    if len(columns) != 1:
        raise TypeError(f"{into.__name__} takes one column, the statement has {len(columns)}")
    process = _result_processor(columns[0].type, into)
    if process is None:
        return itemgetter(0)
    return lambda record: process(record[0])


def _constructor(into: type[T], names: list[str]) -> Callable[[Row], T]:
    """Return the fastest way from the values of `names` to an `into`: by position wherever the order allows it."""
    parameters = inspect.signature(into).parameters.values()
    positional = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    if names == positional[: len(names)]:
        return lambda record: into(*record)
    if set(names) == set(positional[: len(names)]):
        reorder = itemgetter(*(names.index(name) for name in positional[: len(names)]))
        return lambda record: into(*reorder(record))
    return lambda record: into(**dict(zip(names, record, strict=True)))


def _processed(construct: Callable[[Row], T], processors: list[tuple[int, Process]]) -> Callable[[Row], T]:
    if not processors:
        return construct

    def build(record: Row) -> T:
        values = list(record)
        for index, process in processors:
            values[index] = process(values[index])
        return construct(values)

    return build


def _result_processor(column: TypeEngine[Any], field: Any) -> Process | None:
    """Return what turns the driver's value of a column into the field's, or None where it is that already."""
    implementation = column.dialect_impl(DIALECT)
    if isinstance(implementation, ARRAY) and _result_processor(implementation.item_type, Any) is None:
        return None
    oid = _FLOAT_OID if isinstance(implementation, Float) else _NUMERIC_OID
    process = implementation.result_processor(DIALECT, oid if isinstance(implementation, Float | Numeric) else None)
    if process is None and (_is_json(implementation, field) or _mentions(field, enum.Enum)):
        return partial(msgspec.convert, type=field)
    return process


def _is_json(column: TypeEngine[Any], field: Any) -> bool:
    return isinstance(column, JSON) and _mentions(field, _NOT_OF_JSON)


def _mentions(field: Any, kinds: type | tuple[type, ...]) -> bool:
    """Tell whether a type, or any type that it is made of, is one of `kinds`."""
    origin = typing.get_origin(field)
    if origin in (types.UnionType, typing.Union) or origin is not None:
        return (isinstance(origin, type) and issubclass(origin, kinds)) or any(
            _mentions(argument, kinds) for argument in typing.get_args(field)
        )
    return isinstance(field, type) and issubclass(field, kinds)
