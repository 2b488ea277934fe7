"""What the docstrings of keys say, read from the source when somebody wants to know.

pydantic would read them whenever a process starts (`use_attribute_docstrings`), which takes a fifth of its start.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel


@cache
def describe(model: type[BaseModel]) -> None:
    """Set the description of each field of *model*, and of the models within it."""
    for name, field in model.model_fields.items():
        if field.description is None:
            field.description = next((said[name] for one in model.__mro__ if name in (said := _said(one))), None)
        for inner in _models(field.annotation):
            describe(inner)


@cache
def _said(model: type[Any]) -> dict[str, str]:
    """Return the docstring of each attribute that *model* itself annotates."""
    if not issubclass(model, BaseModel) or model is BaseModel:
        return {}
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        one.target.id: inspect.cleandoc(after.value.value)
        for one, after in pairwise(definition.body)
        if isinstance(one, ast.AnnAssign)
        and isinstance(one.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
