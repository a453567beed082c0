"""How a handler asks for a service."""

from typing import TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

T = TypeVar("T")

Injected: TypeAlias = NamedDependency[SkipValidation[T]]
"""A service by the parameter's name: `storage: Injected[Storage]`.

Litestar's named dependency without its check of the value's type at each request: services are the core's own, and
ports are Protocols, which that check cannot judge.
"""
