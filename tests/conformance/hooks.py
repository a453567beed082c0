"""What Schemathesis loads of ours."""

from tests.conformance import following, repairs

__all__ = ["following", "repairs"]
