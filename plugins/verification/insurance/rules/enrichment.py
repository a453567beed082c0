"""From the words of a diagnosis to ICD-10-CM codes: the same words and the same catalogue, the same codes.

A diagnosis is cut into clauses, and each clause is matched in a fixed order: a mapping registered for the claim, a
code that stands in the text, the exact description, a synonym, and last the trigram similarity of the descriptions.
The first of these that finds something decides.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from plugins.verification.insurance.rules import icd
from plugins.verification.insurance.rules.refusals import Refused

MODEL: Final = "deterministic-v1"

Method = Literal["registered", "literal", "exact", "synonym", "fuzzy"]
Outcome = Literal["complete", "partial", "none"]

SYNONYM_CONFIDENCE: Final = 0.95
UNLISTED_CONFIDENCE: Final = 0.8
MOST_COMPARED: Final = 10
"""How many clauses of one diagnosis are compared by similarity, the costly way; the others stay unmatched."""

_HARD_BREAK: Final = re.compile(r"[;\r\n]+")
_SOFT_BREAK: Final = re.compile(r",|\s+and\s+", re.IGNORECASE)
_PARENTHESES: Final = re.compile(r"\([^)]*\)")
_WORD: Final = re.compile(r"[a-z0-9]+")
_DECIMALS: Final = 4
_PREFIX: Final = 4
_ENDING: Final = 2
_COMMON: Final = frozenset({"of", "the", "with", "without", "due", "to", "in", "a", "by", "other", "unspecified"})
_ABBREVIATIONS: Final = {
    "centre": "center",
    "ctr": "center",
    "gen": "general",
    "hosp": "hospital",
    "med": "medical",
    "st": "saint",
    "univ": "university",
}


class IcdEntry(msgspec.Struct, frozen=True):
    """A code of the catalogue; `billable` is None where the catalogue does not hold the code."""

    code: str
    description: str | None
    billable: bool | None


class RegisteredMapping(msgspec.Struct, frozen=True):
    """A term that somebody mapped to a code when the claim was registered."""

    term: str
    code: str
    confidence: float = 1.0


class Match(msgspec.Struct, frozen=True):
    """A code found for a clause, how it was found and in which words."""

    code: str
    description: str | None
    confidence: float
    method: Method
    billable: bool | None
    matched_text: str


class Catalogue(msgspec.Struct, frozen=True):
    """What the code list knows about one diagnosis; descriptions and synonyms are keyed by `search_form`."""

    by_code: Mapping[str, IcdEntry] = {}
    by_description: Mapping[str, Sequence[IcdEntry]] = {}
    by_synonym: Mapping[str, Sequence[IcdEntry]] = {}


class Resolution(msgspec.Struct, frozen=True):
    """Matches so far, and the clauses that nothing matched yet."""

    matches: tuple[Match, ...]
    unmatched: tuple[str, ...]


class Enrichment(msgspec.Struct, frozen=True):
    """The codes of a diagnosis, best first, and what remains without one."""

    codes: tuple[Match, ...]
    unmatched_terms: tuple[str, ...]
    outcome: Outcome


def search_form(text: str) -> str:
    """Return `text` as it is compared: lower case, no accents, only letters and digits, single blanks."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(_WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c))))


def spellings(synonym: str) -> frozenset[str]:
    """Return the search forms of a synonym as code lists write it.

    What is in parentheses is optional, and so is the "NOS" (not otherwise specified) at its end.
    """
    forms = {search_form(synonym), search_form(_PARENTHESES.sub(" ", synonym))}
    return frozenset({form.removesuffix(" nos") for form in forms} | forms) - {"", "nos"}


def normalise_hospital(name: str) -> str:
    """Return a hospital's name as it is compared: the search form with the usual abbreviations written out."""
    return " ".join(_ABBREVIATIONS.get(word, word) for word in search_form(name).split())


def segments(diagnosis: str) -> tuple[str, ...]:
    """Return the parts of a diagnosis between semicolons and line ends.

    Raises:
        Refused: `empty_diagnosis`, where no part holds a letter or digit.
    """
    found = tuple(part.strip() for part in _HARD_BREAK.split(diagnosis) if search_form(part))
    if not found:
        raise Refused("empty_diagnosis", "The diagnosis holds no word to match.", pointer="/diagnosis")
    return found


def clauses(segment: str) -> tuple[str, ...]:
    """Return the parts of a segment between commas and the word "and"."""
    return tuple(part.strip() for part in _SOFT_BREAK.split(segment) if search_form(part))


def terms(diagnosis: str) -> tuple[str, ...]:
    """Return every text that `resolve` may look up, in the search form: whole segments and their clauses."""
    found = (search_form(text) for part in segments(diagnosis) for text in (part, *clauses(part)))
    return tuple(dict.fromkeys(found))


def word_queries(clause: str) -> tuple[str, ...]:
    """Return full-text queries (PostgreSQL's `to_tsquery`) for what may resemble a clause, the stricter one first.

    The first asks for every word but its ending, the second for the beginning of any word, so that a misspelt end
    or a missing word still finds candidates.
    """
    words = [word for word in dict.fromkeys(search_form(clause).split()) if word not in _COMMON]
    if not words:
        return ()
    stems = " & ".join(f"{word[: max(_PREFIX, len(word) - _ENDING)]}:*" for word in words)
    beginnings = " | ".join(f"{word[:_PREFIX]}:*" for word in words)
    return stems, beginnings


def literal_codes(diagnosis: str) -> tuple[str, ...]:
    """Return the codes that stand in the text of a diagnosis, in their normal form."""
    return tuple(dict.fromkeys(code for _, code in icd.literals(diagnosis)))


def resolve(diagnosis: str, registered: Sequence[RegisteredMapping], catalogue: Catalogue, floor: float) -> Resolution:
    """Match a diagnosis by everything but similarity; matches below the confidence `floor` do not count.

    A segment that is a known description or synonym as a whole ("Cholera, unspecified") is one clause.
    """
    matches: list[Match] = []
    unmatched: list[str] = []
    for segment in segments(diagnosis):
        whole = _above(_listed(segment, registered, catalogue), floor)
        for clause in () if whole else clauses(segment):
            found = _above(_stated(clause, registered, catalogue), floor)
            matches.extend(found)
            if not found:
                unmatched.append(clause)
        matches.extend(whole)
    return Resolution(tuple(matches), tuple(unmatched))


def complete(
    resolution: Resolution, candidates: Mapping[str, Sequence[IcdEntry]], floor: float, most: int
) -> Enrichment:
    """Match what is left by similarity and return the `most` best codes: by confidence, then by code."""
    matches = list(resolution.matches)
    unmatched: list[str] = []
    for clause in resolution.unmatched:
        found = _similar(clause, candidates.get(clause, ()), floor)
        matches.extend(found)
        if not found:
            unmatched.append(clause)
    outcome: Outcome = "none" if not matches else "partial" if unmatched else "complete"
    return Enrichment(_ranked(matches)[:most], tuple(unmatched), outcome)


def similarity(one: str, other: str) -> float:
    """Return how many trigrams two texts share, 0 to 1, as PostgreSQL's pg_trgm counts them."""
    return _overlap(_trigrams(one), _trigrams(other))


def _overlap(left: set[str], right: set[str]) -> float:
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def _trigrams(text: str) -> set[str]:
    padded = (f"  {word} " for word in search_form(text).split())
    return {word[at : at + 3] for word in padded for at in range(len(word) - 2)}


def _listed(text: str, registered: Sequence[RegisteredMapping], catalogue: Catalogue) -> tuple[Match, ...]:
    """Match a whole text against the registered terms, descriptions and synonyms; the first kind that fits wins."""
    form = search_form(text)
    named = [mapping for mapping in registered if search_form(mapping.term) == form]
    if named:
        return tuple(_registered(mapping, catalogue) for mapping in named)
    exact = catalogue.by_description.get(form, ())
    if exact:
        return tuple(_match(entry, 1.0, "exact", text) for entry in exact)
    return tuple(_match(entry, SYNONYM_CONFIDENCE, "synonym", text) for entry in catalogue.by_synonym.get(form, ()))


def _stated(clause: str, registered: Sequence[RegisteredMapping], catalogue: Catalogue) -> tuple[Match, ...]:
    """Match a clause by a registered term within it, a code within it, or as a whole."""
    form = f" {search_form(clause)} "
    named = [mapping for mapping in registered if f" {search_form(mapping.term)} " in form]
    if named:
        return tuple(_registered(mapping, catalogue) for mapping in named)
    return tuple(_literal(clause, catalogue)) or _listed(clause, (), catalogue)


def _literal(clause: str, catalogue: Catalogue) -> Iterable[Match]:
    for written, code in icd.literals(clause):
        entry = catalogue.by_code.get(code)
        if entry is not None:
            yield _match(entry, 1.0, "literal", written)
        elif icd.is_dotted(written):
            yield _match(IcdEntry(code, None, None), UNLISTED_CONFIDENCE, "literal", written)


def _registered(mapping: RegisteredMapping, catalogue: Catalogue) -> Match:
    entry = catalogue.by_code.get(mapping.code, IcdEntry(mapping.code, None, None))
    return _match(entry, mapping.confidence, "registered", mapping.term)


def _similar(clause: str, candidates: Sequence[IcdEntry], floor: float) -> tuple[Match, ...]:
    wanted = _trigrams(clause)
    scored = ((entry, _overlap(wanted, _trigrams(entry.description or ""))) for entry in candidates)
    return tuple(_match(entry, score, "fuzzy", clause) for entry, score in scored if score >= floor)


def _match(entry: IcdEntry, confidence: float, method: Method, text: str) -> Match:
    return Match(entry.code, entry.description, round(confidence, _DECIMALS), method, entry.billable, text)


def _above(found: tuple[Match, ...], floor: float) -> tuple[Match, ...]:
    return tuple(match for match in found if match.confidence >= floor)


def _ranked(matches: Iterable[Match]) -> tuple[Match, ...]:
    best: dict[str, Match] = {}
    for match in sorted(matches, key=lambda each: (-each.confidence, each.code)):
        best.setdefault(match.code, match)
    return tuple(best.values())
