"""YAML 1.2 (and so JSON) as plain values that know where they stand, or every reason why it is none.

Files come from people and from templates that went wrong, so size, depth and the number of values are bounded, and
nothing in a file can make us construct anything but text, numbers, truth values, lists and mappings.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, DocumentStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from bff.policy.problem import Problem

MAX_BYTES = 1024 * 1024
"""Largest file; the largest sensible policy has a few KiB."""

MAX_DEPTH = 20
"""Deepest nesting; policies have four levels."""

MAX_VALUES = 20_000
"""Most values in one file, with every use of an anchor counted."""

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset({"map", "seq", "null", "bool", "int", "float", "str", "timestamp", "value", "merge"})

Path = tuple[str | int, ...]
"""Keys and indexes that lead from the root of a document to a value."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """Return the place as terminals and editors jump to it."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Located:
    """A value and its place.

    Attributes:
        value: Text, number, truth value, None, a tuple of `Located` or a dict of `Located`.
        at: Where the value begins.
        key_at: Where its key begins, for an entry of a mapping.
    """

    value: Any
    at: Mark
    key_at: Mark | None = None

    def plain(self) -> Any:
        """Return the value without places, as `json.loads` would."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value

    def find(self, path: Path) -> "Located | None":
        """Return the value at *path*, or None where there is none."""
        here: Located | None = self
        for step in path:
            if here is None:
                return None
            inside = here.value
            if isinstance(inside, dict):
                here = inside.get(step)
            elif isinstance(inside, tuple) and isinstance(step, int) and step < len(inside):
                here = inside[step]
            else:
                here = None
        return here

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, "Located"]]:
        """Return every value that is no mapping, with its path."""
        if not isinstance(self.value, dict):
            yield path, self
            return
        for key, entry in self.value.items():
            yield from entry.leaves((*path, key))


def merge(base: Located, over: Located) -> Located:
    """Return *base* with the keys of *over* put over it, mapping by mapping; other values replace."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(base.value)
    for key, entry in over.value.items():
        merged[key] = merge(merged[key], entry) if key in merged else entry
    return Located(merged, over.at, over.key_at)


def parse(file: str, content: bytes) -> tuple[Located | None, list[Problem]]:
    """Return what *content* says and what is wrong with it; None where nothing could be read.

    An empty document is an empty mapping.

    Args:
        file: How to name the file in problems.
        content: UTF-8, at most `MAX_BYTES`.
    """
    reader = _Reader(file)
    try:
        text = _text(file, content)
        _check_bounds(file, text)
        node = YAML(typ="safe", pure=True).compose(text)
        located = Located({}, Mark(file)) if node is None else reader.read(node)
    except _Unreadable as error:
        return None, [error.problem]
    except MarkedYAMLError as error:
        return None, [_syntax_problem(file, text, error)]
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return None, [Problem(file, line, column, "", "an invisible control character; remove it")]
    return located, reader.problems


class _Unreadable(Exception):
    def __init__(self, file: str, line: int, column: int, what: str) -> None:
        super().__init__(what)
        self.problem = Problem(file, line, column, "", what)


def _text(file: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _Unreadable(file, 1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(file, line, 1, "the file is not UTF-8; save it in that encoding") from None


def _check_bounds(file: str, text: str) -> None:
    """Refuse *text* that is not worth composing, looking at no more of it than needed."""
    depth = 0
    for count, event in enumerate(YAML(typ="safe", pure=True).parse(text)):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        what = None
        if depth > MAX_DEPTH:
            what = f"values are nested more than {MAX_DEPTH} deep"
        elif count > MAX_VALUES:
            what = f"the file has more than {MAX_VALUES} values"
        elif isinstance(event, DocumentStartEvent) and event.version not in {None, (1, 2)}:
            what = "policies are YAML 1.2; remove the %YAML line"
        if what:
            mark = _mark(file, event.start_mark)
            raise _Unreadable(file, mark.line, mark.column, what)


def _syntax_problem(file: str, text: str, error: MarkedYAMLError) -> Problem:
    found = error.problem or ""
    mark = _mark(file, error.problem_mark or error.context_mark)
    what, write = f"not YAML: {found}", None
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    if "'\\t'" in found:
        what, write = "a tab does not indent in YAML; use two spaces", line.replace("\t", "  ").rstrip()
    elif "mapping values are not allowed" in found and ":" in line[: mark.column - 1]:
        what, write = "a second ':' on this line; quote the value", _quoted(line)
    elif "mapping values are not allowed" in found:
        what, write = "this line is indented differently from the one above it", line.strip()
    elif "cannot start any token" in found or "could not find expected ':'" in found:
        write = _quoted(line)
    elif "undefined alias" in found:
        what = f"{found}: quote a value that begins with '*'"
        write = _quoted(line)
    elif "another document" in found:
        what = "the file has more than one document; remove the line '---' and what belongs elsewhere"
        mark = _mark(file, error.problem_mark)
    elif "<stream end>" in found or "end of stream" in found:
        opened = re.sub(r"^while (parsing|scanning) ", "", error.context or "a value")
        what = f"not YAML: {opened} is never closed"
        mark = _mark(file, error.context_mark or error.problem_mark)
    return Problem(file, mark.line, mark.column, "", what, write=write)


def _quoted(line: str) -> str | None:
    key, colon, value = line.strip().partition(":")
    value = value.strip()
    return f'{key}: "{value}"' if colon and value and '"' not in value else None


def _mark(file: str, mark: StringMark | None) -> Mark:
    return Mark(file) if mark is None else Mark(file, mark.line + 1, mark.column + 1)


class _Reader:
    """Turns one document's nodes into located values."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._values = 0

    def read(self, node: Node, path: Path = (), key_at: Mark | None = None) -> Located:
        at = _mark(self._file, node.start_mark)
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            what = f"anchors repeat themselves into more than {MAX_VALUES} values"
            raise _Unreadable(self._file, at.line, at.column, what)
        kind = str(node.tag)
        if kind.removeprefix(_TAG) not in _KNOWN_TAGS:
            tag = f"!!{kind.removeprefix(_TAG)}" if kind.startswith(_TAG) else kind
            write = str(node.value) if isinstance(node, ScalarNode) else None
            self._refuse(at, path, f"tag '{tag}' is not used in policies; remove it", write)
        if isinstance(node, MappingNode):
            return Located(self._mapping(node, path), at, key_at)
        if isinstance(node, SequenceNode):
            items = tuple(self.read(item, (*path, index)) for index, item in enumerate(node.value))
            return Located(items, at, key_at)
        return Located(_scalar(node), at, key_at)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Located]:
        entries: dict[str, Located] = {}
        for key_node, value_node in node.value:
            at = _mark(self._file, key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                self._refuse(at, path, "a key must be a word, not a list or mapping")
                continue
            key = str(key_node.value)
            if key in entries:
                first = entries[key].key_at
                line = first.line if first else 0
                self._refuse(at, (*path, key), f"key {key!r} is already on line {line}; keep one of them")
                continue
            entries[key] = self.read(value_node, (*path, key), at)
        return entries

    def _refuse(self, at: Mark, path: Path, what: str, write: str | None = None) -> None:
        key = key_text(path)
        line = f"{path[-1]}: {write}" if write and path else None
        self.problems.append(Problem(self._file, at.line, at.column, key, what, write=line))


def _scalar(node: Node) -> Any:
    """Return the value of *node*; what its tag cannot mean, such as a whole number of 5,000 digits, is text."""
    text, convert = str(node.value), _SCALARS.get(str(node.tag).removeprefix(_TAG))
    try:
        return convert(text) if convert else text
    except ValueError:
        return text


def _whole(text: str) -> int:
    return int(text, 8 if text.lower().startswith("0o") else 16 if text.lower().startswith("0x") else 10)


_SCALARS: Mapping[str, Any] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
}


def key_text(path: Path) -> str:
    """Return *path* as people write it, such as `timeouts.attempt` or `hosts[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
