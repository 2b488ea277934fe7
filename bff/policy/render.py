"""Models and their values as policies would write them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bff.policy.units import format_duration, format_share, format_size

_PLAIN = re.compile(r"[A-Za-z0-9/._](?:[A-Za-z0-9/._ :+-]*[A-Za-z0-9/._+-])?")
_OTHER_TYPES = re.compile(r"[-+.0-9][0-9a-fA-FoxX_.eE+-]*|null|true|false|\.(inf|nan)", re.IGNORECASE)
_WORDS = {True: "true", False: "false", None: "null"}


def as_yaml(value: Any) -> str:
    """Return *value* of a policy, or part of one, as YAML on one line."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return _mapping({name: field_as_yaml(field, getattr(value, name)) for name, field in fields.items()})
    if isinstance(value, dict):
        return _mapping({key: as_yaml(item) for key, item in value.items()})
    if isinstance(value, frozenset | list | tuple):
        items = sorted(value) if isinstance(value, frozenset) else value
        return f"[{', '.join(as_yaml(item) for item in items)}]"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool) or value is None:
        return _WORDS[value]
    return _quoted_where_needed(value) if isinstance(value, str) else str(value)


def field_as_yaml(field: FieldInfo, value: Any) -> str:
    """Return *value* of *field* as YAML on one line; sizes and shares know their unit only by their field."""
    written = {getattr(item, "func", None) for item in field.metadata}
    if format_size in written and value is not None:
        return format_size(value)
    if format_share in written and value is not None:
        return format_share(value)
    return as_yaml(value)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that *annotation* stands for, None where it is none."""
    if get_origin(annotation) in {Union, UnionType}:
        return next((found for part in get_args(annotation) if (found := model_in(part))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def entry_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an entry of the list or mapping *annotation* may be, None where there is none."""
    return _model_among(get_args(annotation)) if get_origin(annotation) in {tuple, dict} else None


def _model_among(annotations: tuple[Any, ...]) -> type[BaseModel] | None:
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        if found := _model_among(get_args(annotation)):
            return found
    return None


def paths_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Return every key of *model* with its path, in the order of declaration, sections before what is in them."""
    for name, field in model.model_fields.items():
        yield (*path, name), field
        inner = model_in(field.annotation)
        if inner:
            yield from paths_of(inner, (*path, name))
        elif get_origin(field.annotation) is dict and (inner := entry_in(field.annotation)):
            yield from paths_of(inner, (*path, name, "NAME"))


def _mapping(entries: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {text}" for key, text in entries.items()) + "}"


def _quoted_where_needed(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and ": " not in text and not _OTHER_TYPES.fullmatch(text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
