"""Rules and settings as they are stored; a newer version of this program may have written them."""

from typing import Any, Final
from uuid import UUID

import msgspec

from plugins.verification.stub.rules.chaos import ChaosSettings
from plugins.verification.stub.rules.compiled import CompiledRule
from plugins.verification.stub.rules.definition import RuleDefinition

_definition: Final = msgspec.json.Decoder(RuleDefinition)


class UnreadableError(ValueError):
    """What is stored means nothing to this version; says why."""


def read_rule(rule_id: UUID, position: int, revision: int, stored: str) -> CompiledRule:
    """Return the rule, ready to answer. Raises UnreadableError where this version cannot answer by it."""
    definition = read_definition(stored)
    try:
        return CompiledRule(rule_id, position, revision, definition)
    except ValueError as error:  # expressions, queries, templates and headers that were none when this was written
        raise UnreadableError(str(error)) from None


def read_definition(stored: str) -> RuleDefinition:
    """Return the definition. Raises UnreadableError where it says what this version does not know."""
    try:
        return _definition.decode(stored)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreadableError(str(error) or type(error).__name__) from None


def read_settings(stored: dict[str, Any]) -> ChaosSettings:
    """Return the settings. Raises UnreadableError where they say what this version does not know."""
    try:
        return msgspec.convert(stored, ChaosSettings)
    except msgspec.ValidationError as error:
        raise UnreadableError(str(error)) from None
