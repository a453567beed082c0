"""Loading the list of ICD-10-CM codes: from the optional package, or from a file of one's own."""

import asyncio
import csv
import gzip
import hashlib
import importlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from core.clock import new_id
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.queries import enrichment as queries
from plugins.verification.insurance.rules import icd
from plugins.verification.insurance.rules.enrichment import search_form, spellings

BATCH: Final = 5_000
PACKAGE: Final = "simple_icd_10_cm"
"""The optional package; importing it costs more than a second and 170 MB, so nothing but a load does."""

_COLUMNS: Final = ("id", "code", "description", "billable", "chapter", "synonyms", "search")
_STAGE: Final = """
CREATE TEMPORARY TABLE loaded_icd_codes (
    id uuid, code text, description text, billable boolean, chapter text, synonyms text[], search text
) ON COMMIT DROP
"""
_UPSERT: Final = """
INSERT INTO verification.icd_codes AS stored (id, code, description, billable, chapter, synonyms, search)
SELECT id, code, description, billable, chapter, to_jsonb(synonyms), search FROM loaded_icd_codes
ON CONFLICT (code) DO UPDATE
SET description = excluded.description, billable = excluded.billable, chapter = excluded.chapter,
    synonyms = excluded.synonyms, search = excluded.search, updated_at = now()
WHERE (stored.description, stored.billable, stored.chapter, stored.synonyms, stored.search)
    IS DISTINCT FROM (excluded.description, excluded.billable, excluded.chapter, excluded.synonyms, excluded.search)
"""

Progress = Callable[[int, int], None]
"""Hears how many codes are written, and of how many."""


class ListedCode(msgspec.Struct, frozen=True, array_like=True):
    """A code as its source lists it."""

    code: str
    description: str
    billable: bool
    chapter: str | None = None
    synonyms: tuple[str, ...] = ()


class LoadedRelease(msgspec.Struct, frozen=True):
    """What a load did: `changed` is false where the list was the one that is loaded already."""

    codes: int
    checksum: str
    changed: bool


async def load(
    units: UnitOfWorkFactory, file: Path | None = None, progress: Progress = lambda _written, _all: None
) -> LoadedRelease:
    """Bring `icd_codes` in line with a list, in batches; codes that the list lacks stay. Loading twice does nothing.

    Args:
        units: opens the unit of work of each batch.
        file: tab-separated, `.gz` or plain, with the columns `code`, `billable` (0 or 1) and `long_desc` or
            `description`, and possibly `chapter` and `synonyms` (separated by `|`); without one, the list of the
            optional package.
        progress: hears of each batch.

    Raises:
        ModuleNotFoundError: there is no file, and the optional package is not installed.
        ValueError: the file lacks a column, or a line's code has no code's form.
    """
    codes = await (asyncio.to_thread(_read, file) if file else asyncio.to_thread(packaged_codes))
    checksum = hashlib.sha256(msgspec.json.encode(codes)).hexdigest()
    async with units() as uow:
        if await uow.fetch_one(queries.LATEST_CHECKSUM) == checksum:
            return LoadedRelease(len(codes), checksum, changed=False)
    for start in range(0, len(codes), BATCH):
        batch = codes[start : start + BATCH]
        async with units() as uow:
            await _write(uow, batch)
        progress(start + len(batch), len(codes))
    async with units() as uow:
        source = file.name if file else PACKAGE
        await uow.execute(queries.RECORD_RELEASE, id=new_id(), source=source, checksum=checksum, codes=len(codes))
    return LoadedRelease(len(codes), checksum, changed=True)


async def _write(uow: UnitOfWork, codes: Sequence[ListedCode]) -> None:
    connection = await uow.connection()
    await connection.execute(_STAGE)
    await connection.copy_records_to_table("loaded_icd_codes", records=map(_record, codes), columns=_COLUMNS)
    await connection.execute(_UPSERT)


def _record(listed: ListedCode) -> tuple[Any, ...]:
    synonyms = sorted({form for synonym in listed.synonyms for form in spellings(synonym)})
    form = search_form(listed.description)
    return new_id(), listed.code, listed.description, listed.billable, listed.chapter, synonyms, form


def _read(file: Path) -> list[ListedCode]:
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", restval="")
    columns = set(rows.fieldnames or ())
    described = "long_desc" if "long_desc" in columns else "description"
    if missing := {"code", "billable", described} - columns:
        raise ValueError(f"{file.name} lacks the columns {', '.join(sorted(missing))}")
    return _sorted(
        ListedCode(
            _form(row["code"]),
            _described(row["code"], row[described]),
            row["billable"] == "1",
            row.get("chapter"),
            tuple((row.get("synonyms") or "").split("|")),
        )
        for row in rows
    )


def packaged_codes() -> list[ListedCode]:
    """Return the optional package's list, in the order of the codes."""
    package: Any = importlib.import_module(PACKAGE)
    codes = (code for code in package.get_all_codes(with_dots=True) if package.is_category_or_subcategory(code))
    return _sorted(
        ListedCode(
            _form(code),
            package.get_description(code),
            package.is_leaf(code),
            next(iter(package.get_ancestors(code)[-1:]), None),
            (*package.get_includes(code), *package.get_inclusion_term(code)),
        )
        for code in codes
    )


def _sorted(codes: Iterable[ListedCode]) -> list[ListedCode]:
    by_code = {listed.code: listed for listed in codes}
    return [by_code[code] for code in sorted(by_code)]


def _described(code: str, description: str) -> str:
    if not search_form(description):
        raise ValueError(f"{code} has no description")
    return description


def _form(code: str) -> str:
    form = icd.normalise(code)
    if icd.LOOSE.fullmatch(form) is None and icd.STRICT.fullmatch(form) is None:
        raise ValueError(f"{code!r} is no ICD-10-CM code")
    return form
