"""Holds the law: every null that a failure caused has exactly one error."""

from typing import Any

from graphql import GraphQLError


def one_error_for_each_null(data: dict[str, Any] | None, errors: list[GraphQLError]) -> list[GraphQLError]:
    """Return *errors* without those that lie below a null which a later error caused.

    Fields run at the same time, so several may have failed before one of them made their common parent null. The
    cause is the one recorded last, for nothing is recorded below a null once it is there.
    """
    if len(errors) < 2:  # noqa: PLR2004 - two can be at odds, one cannot
        return errors
    kept: list[GraphQLError] = []
    explained: set[tuple[str | int, ...]] = set()
    for error in reversed(errors):
        null = null_of(data, error.path or [])
        if null not in explained:
            explained.add(null)
            kept.append(error)
    kept.reverse()
    return kept


def null_of(data: dict[str, Any] | None, path: list[str | int]) -> tuple[str | int, ...]:
    """Return where in *data* the error at *path* became a null: *path* itself or a part of its beginning."""
    value: Any = data
    for length, key in enumerate(path):
        if value is None:
            return tuple(path[:length])
        value = value[key]
    return tuple(path)
