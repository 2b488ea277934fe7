"""The page about every key of every policy file, printed from the models."""

from collections.abc import Iterator
from datetime import date, timedelta
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bff.policy.docstrings import describe
from bff.policy.render import entry_in, field_as_yaml, model_in, paths_of
from bff.policy.resilience import Part
from bff.policy.schema import KINDS
from bff.policy.units import format_share, format_size

FILES = {
    "auth": "policies/auth.yaml",
    "operations": "policies/operations.yaml",
    "defaults": "policies/defaults.yaml",
    "upstream": "policies/upstreams/NAME.yaml",
    "store": "policies/store.yaml",
    "network": "policies/network.yaml",
    "console": "policies/console.yaml",
    "clients": "policies/clients/default.yaml",
    "client": "policies/clients/NAME.yaml",
}
"""Where the files of each kind are."""

_INTRODUCTION = """# Policy reference

Printed from `bff/policy/model.py` by `make reference`; do not edit.

No file is needed: what none states has its default. Unknown keys are errors. Durations are written `50ms`, `2s`,
`5m`, `24h`, `7d`, sizes `512B`, `256KiB`, `8MiB`. `bff policies show NAME` says what is in force, and from where.
"""
_BOUNDS = (("gt", "more than"), ("ge", "at least"), ("le", "at most"), ("lt", "less than"))
_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    timedelta: "duration",
    date: "date such as `2026-10-01`",
    Any: "any value",
}


def page() -> str:
    """Return the reference page as Markdown."""
    return "\n".join([_INTRODUCTION, *(line for kind in KINDS for line in _section(kind))]).rstrip() + "\n"


def _section(kind: str) -> Iterator[str]:
    model = KINDS[kind]
    yield f"## `{FILES[kind]}`\n"
    yield f"{_sentence(model)}\n"
    if kind == "defaults":
        yield (
            "The keys are those of an upstream's file, except `hosts` and `alias`. An upstream's file is put over "
            "this one key by key; a list replaces the list. What the keys mean is said there.\n"
        )
        keys = ", ".join(f"`{name}`" for name in model.model_fields)
        yield f"Keys: {keys}.\n"
        return
    yield from _table(model)
    for path, field in paths_of(model):
        inner, entry = model_in(field.annotation), entry_in(field.annotation)
        inner = inner or entry
        if inner:
            yield f"### `{'.'.join(path)}{_entry_sign(field) if entry else ''}`\n"
            yield f"{_sentence(inner)}\n"
            yield from _table(inner)


def _entry_sign(field: FieldInfo) -> str:
    return ".NAME" if get_origin(field.annotation) is dict else "[]"


def _table(model: type[BaseModel]) -> Iterator[str]:
    describe(model)
    yield "| key | value | default | what it does |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        if model_in(field.annotation):
            yield f"| `{name}` | keys | | {_cell(field.description)} |"
        else:
            yield f"| `{name}` | {_cell(allowed(field))} | {_default(model, field)} | {_cell(field.description)} |"
    yield ""


def allowed(field: FieldInfo) -> str:
    """Return what may stand in *field*, in words."""
    bounds = [
        f"{words} {field_as_yaml(field, limit)}"
        for item in field.metadata
        for name, words in _BOUNDS
        if (limit := getattr(item, name, None)) is not None
    ]
    written = {getattr(item, "func", None) for item in field.metadata}
    kind = "size" if format_size in written else "share" if format_share in written else None
    return ", ".join([kind or _kind(field.annotation), *bounds])


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if entry_in(annotation):
        return "mapping of names to keys" if origin is dict else "list of text or keys"
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in {Union, UnionType}:
        return next(_kind(part) for part in parts if part is not NoneType)
    if origin in {tuple, list, frozenset}:
        return f"list of {_kind(parts[0])}"
    if origin is dict:
        return f"mapping of names to {_kind(parts[1])}"
    return _WORDS[_bare(annotation)]


def _bare(annotation: Any) -> Any:
    """Return *annotation* without its metadata."""
    return getattr(annotation, "__origin__", annotation)


def _default(model: type[BaseModel], field: FieldInfo) -> str:
    if issubclass(model, Part) and not field.is_required():
        return "as the upstream"
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None or value == {} else f"`{field_as_yaml(field, value)}`"


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
