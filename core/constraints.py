"""Which rule of a table a statement broke."""

from sqlalchemy.exc import DBAPIError


def violated_constraint(error: BaseException | None) -> str | None:
    """Return the name of the constraint or unique index that a statement violated, or None if it was not that.

    Understands the errors of both doors, and repository errors by their cause.
    """
    while error is not None:
        driver_error = error.driver_exception if isinstance(error, DBAPIError) else error
        name = getattr(driver_error, "constraint_name", None)
        if name is not None:
            return str(name)
        error = error.__cause__
    return None
