"""What the application needs from the world: one module a port, no implementation.

A port module holds, in this order: the promise (behaviour, ordering, idempotency, limits, errors), the frozen
Structs that cross it, and a `Protocol` whose docstrings say what is returned and which error is raised when.
Failures belong to one of the three families of `ports.errors`, so that callers decide by family, never by vendor.
"""
