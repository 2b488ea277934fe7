"""Pydantic's complaints in the words of a policy: where, what, what was meant, what to write."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bff.policy.document import Located, Mark, Path, key_text
from bff.policy.hosts import KEYED_TAG, PLAIN_TAG
from bff.policy.problem import Clashes, Problem, Refused
from bff.policy.render import as_yaml, entry_in, field_as_yaml, model_in, paths_of

_SYNONYMS = {
    "url": "hosts",
    "urls": "hosts",
    "base_url": "hosts",
    "endpoint": "hosts",
    "name": "alias",
    "timeout": "timeouts",
}
_YES_AND_NO = {"allow": ("true", "yes", "on"), "deny": ("false", "no", "off")}
_MODEL_ERRORS = frozenset({"model_type", "dict_type", "model_attributes_type"})
_LIST_ERRORS = frozenset({"tuple_type", "list_type", "frozen_set_type", "set_type"})


_QUOTED = re.compile("'([^']*)'")
_TAGS = frozenset({PLAIN_TAG, KEYED_TAG})
_Words = tuple[str, str | None]
"""What is wrong, and the value to write instead."""


def explain(
    error: ValidationError, model: type[BaseModel], document: Located, elsewhere: Mapping[str, str]
) -> list[Problem]:
    """Return what *error* says about *document*, one problem for each thing to change.

    Args:
        error: What validating the document's plain value as *model* raised.
        model: What the document should have been.
        document: The values with their places; they may come from several files.
        elsewhere: Keys that this file does not take, with the file that does.
    """
    explainer = _Explainer(model, document, elsewhere)
    errors = error.errors(include_url=False)
    problems = [
        problem for details in errors if not _follows(details, errors) for problem in explainer.problems(details)
    ]
    renamed = {problem.nearest for problem in problems if problem.nearest}
    return [
        problem for problem in problems if not (problem.key in renamed and problem.what.endswith("is missing"))
    ]


class _Explainer:
    def __init__(self, model: type[BaseModel], document: Located, elsewhere: Mapping[str, str]) -> None:
        self._model = model
        self._document = document
        self._elsewhere = elsewhere

    def problems(self, details: ErrorDetails) -> Iterator[Problem]:
        path: Path = tuple(step for step in details["loc"] if step not in _TAGS)
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, Clashes):
            for clash in cause.clashes:
                keys = [(*path, *key) for key in clash.keys]
                write = self._new_line(keys[0], clash.write) if clash.write else None
                yield self._problem(keys[0], clash.what, at=self._first_written(keys), write=write)
        elif isinstance(cause, Refused):
            yield self._refused(path, cause)
        elif details["type"] == "extra_forbidden":
            yield self._unknown(path)
        elif details["type"] == "missing":
            yield self._missing(path)
        else:
            yield self._wrong(path, details)

    def _refused(self, path: Path, cause: Refused) -> Problem:
        if path[-1] == "[key]":
            return self._problem(path[:-1], str(cause), at=self._key_mark(path[:-1]))
        write = cause.write or self._example(path)
        return self._problem(path, str(cause), write=self._line(path, write) if write else None)

    def _unknown(self, path: Path) -> Problem:
        word, section = str(path[-1]), path[:-1]
        at = self._key_mark(path)
        if not section and word in self._elsewhere:
            what = f"key {word!r} belongs in {self._elsewhere[word]}"
            return self._problem(path, what, at=at)
        place = f"in {key_text(section)}" if section else "at the top of this file"
        what = f"unknown key {word!r} {place}"
        model = self._model_at(section)
        here = list(model.model_fields) if model else []
        if word == "<<":
            what = "merge keys ('<<') are not YAML 1.2; what services share belongs in defaults.yaml"
            return self._problem(path, what, at=at)
        value = self._document.find(path)
        text = as_yaml(value.plain()) if value else ""
        nearest = _nearest(word, here)
        if nearest:
            if value and isinstance(value.value, str) and self._takes_a_list((*section, nearest)):
                text = f"[{text}]"
            return self._problem(path, what, at=at, nearest=nearest, write=f"{nearest}: {text}")
        paths = (known for known, _ in paths_of(self._model) if "NAME" not in known)
        moved = next((known for known in paths if known[-1] == word), None)
        if moved:
            return self._problem(path, what, at=at, nearest=key_text(moved), write=_nested(moved, text))
        return self._problem(path, f"{what}; keys here are {', '.join(here)}", at=at)

    def _missing(self, path: Path) -> Problem:
        section = self._document.find(path[:-1])
        key = str(path[-1])
        write = self._example(path)
        return self._problem(
            path,
            f"key {key!r} is missing",
            at=section.at if section and path[:-1] else Mark(self._document.at.file),
            write=f"{key}: {write}" if write else None,
        )

    def _wrong(self, path: Path, details: ErrorDetails) -> Problem:
        kind, value, context = details["type"], details["input"], details.get("ctx", {})
        nearest: str | None = None
        if kind == "literal_error":
            what, nearest = self._not_one_of(path, value, str(context.get("expected", "")))
            example = nearest
        else:
            what, example = (
                self._wrong_shape(path, kind, value, context)
                or self._wrong_kind(kind, value)
                or self._out_of_bounds(path, value, context)
                or (details["msg"][:1].lower() + details["msg"][1:], None)
            )
        example = example or self._example(path)
        write = self._line(path, example) if example is not None else None
        return self._problem(path, what, nearest=nearest, write=write)

    def _wrong_shape(self, path: Path, kind: str, value: Any, context: Mapping[str, Any]) -> _Words | None:
        key = _last_key(path)
        if kind in _MODEL_ERRORS:
            return f"{key!r} has keys below it, not {_said(value)}", self._section_example(path)
        if kind in _LIST_ERRORS:
            return f"{key!r} is a list, not {_said(value)}", f"[{value}]" if isinstance(value, str) else None
        if kind == "too_short":
            return f"{key!r} is empty; it needs at least {context.get('min_length')}", None
        if kind == "too_long":
            return f"{key!r} has too many entries; {context.get('max_length')} at most", None
        if kind == "string_too_short":
            return f"{key} needs at least {context.get('min_length')} characters", None
        return None

    @staticmethod
    def _wrong_kind(kind: str, value: Any) -> _Words | None:
        said = _said(value)
        if kind == "int_type" and isinstance(value, str) and value.strip().isdecimal():
            return f"{said} is text; remove the quotes", value.strip()
        if kind == "int_type":
            return f"{said} is not a whole number", None
        if kind == "bool_type":
            return f"{said} is neither true nor false", _truth(value)
        if kind == "string_type":
            return f"{said} is not text; quote it", f'"{as_yaml(value)}"' if _is_scalar(value) else None
        return None

    def _not_one_of(self, path: Path, value: Any, expected: str) -> tuple[str, str | None]:
        field = self._field(path)
        choices = _choices(field) if field else _QUOTED.findall(expected)
        word = str(value).lower()
        nearest = next(
            (choice for choice, words in _YES_AND_NO.items() if choice in choices and word in words), None
        )
        nearest = nearest or _nearest(word, choices)
        return f"{_said(value)} is none of {', '.join(choices)}", nearest

    def _out_of_bounds(self, path: Path, value: Any, context: Mapping[str, Any]) -> _Words | None:
        field = self._field(path)
        for item in field.metadata if field else ():
            for name, words in (("ge", "at least"), ("le", "at most"), ("gt", "more than"), ("lt", "less than")):
                limit = getattr(item, name, None)
                if limit is not None and name in context:
                    text = field_as_yaml(field, limit) if field else str(limit)
                    what = f"{_last_key(path)} must be {words} {text}, not {_said(value)}"
                    return what, text if name in {"ge", "le"} else None
        return None

    def _takes_a_list(self, path: Path) -> bool:
        field = self._field(path)
        return field is not None and get_origin(field.annotation) in {tuple, list, frozenset}

    def _field(self, path: Path) -> FieldInfo | None:
        while path and isinstance(path[-1], int):
            path = path[:-1]
        model = self._model_at(path[:-1])
        return model.model_fields.get(str(path[-1])) if model and path else None

    def _model_at(self, path: Path) -> type[BaseModel] | None:
        model: type[BaseModel] | None = self._model
        field: FieldInfo | None = None
        for step in path:
            if isinstance(step, int) or _is_named(field):
                model = entry_in(field.annotation) if field else None
                field = None
                continue
            field = model.model_fields.get(step) if model else None
            model = model_in(field.annotation) if field else None
        return model

    def _example(self, path: Path) -> str | None:
        field = self._field(path)
        if field is None or isinstance(path[-1], int):
            return None
        if field.examples:
            return as_yaml(field.examples[0])
        if field.is_required():
            return None
        value = field.get_default(call_default_factory=True)
        return None if value is None else field_as_yaml(field, value)

    def _section_example(self, path: Path) -> str | None:
        model = self._model_at(path)
        if model is None:
            return None
        name, field = next(iter(model.model_fields.items()))
        return "{" + f"{name}: {field_as_yaml(field, field.get_default())}" + "}"

    @staticmethod
    def _line(path: Path, value: str) -> str:
        return f"- {value}" if isinstance(path[-1], int) else f"{path[-1]}: {value}"

    def _new_line(self, path: Path, value: str) -> str:
        """Return the line to write, with the sections that the file does not have yet."""
        depth = len(path) - 1
        while depth > 0 and self._document.find(path[:depth]) is None:
            depth -= 1
        return self._line(path, value) if depth == len(path) - 1 else _nested(tuple(map(str, path[depth:])), value)

    def _key_mark(self, path: Path) -> Mark:
        found = self._document.find(path)
        return (found.key_at or found.at) if found else Mark(self._document.at.file)

    def _first_written(self, keys: list[Path]) -> Mark:
        """Return the place of the first of *keys* that a file states; this file before the defaults."""
        places = [found.key_at or found.at for key in keys if (found := self._document.find(key))]
        own = [place for place in places if place.file == self._document.at.file]
        return next(iter(own or places), Mark(self._document.at.file))

    def _problem(
        self,
        path: Path,
        what: str,
        *,
        at: Mark | None = None,
        nearest: str | None = None,
        write: str | None = None,
    ) -> Problem:
        if at is None:
            found = self._document.find(path)
            at = found.at if found and found.value is not None else self._key_mark(path if found else path[:-1])
        return Problem(at.file, at.line, at.column, key_text(path), what, nearest=nearest, write=write)


def _is_named(field: FieldInfo | None) -> bool:
    """Return whether what is below *field* are names with keys below them."""
    return field is not None and get_origin(field.annotation) is dict and entry_in(field.annotation) is not None


def _follows(details: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Return whether *details* only counts what other errors took away: a list is short of its refused items."""
    place = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in errors
    )


def _nearest(word: str, choices: list[str]) -> str | None:
    respelt = word.lower().replace("-", "_")
    for candidate in (respelt, _SYNONYMS.get(respelt)):
        if candidate in choices:
            return candidate
    return next(iter(difflib.get_close_matches(respelt, choices, n=1, cutoff=0.7)), None)


def _nested(path: tuple[str, ...], value: str) -> str:
    text = f"{path[-1]}: {value}"
    for step in reversed(path[:-1]):
        text = f"{step}: {{{text}}}"
    return text


def _choices(field: FieldInfo) -> list[str]:
    """Return the words that *field*, or each entry of it, may be."""
    words = get_args(field.annotation)
    inner = next((get_args(word) for word in words if get_origin(word) is Literal), None)
    return [str(word) for word in inner or words]


def _last_key(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "the file")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | float) or value is None


def _truth(value: Any) -> str | None:
    word = str(value).lower()
    if word in {"yes", "on", "true", "1", "allow"}:
        return "true"
    return "false" if word in {"no", "off", "false", "0", "deny"} else None


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{value}'" if isinstance(value, str) else as_yaml(value)
