"""Targets of requests from RFC 6570 templates, the two forms that services use: `{id}` and `{?cursor,limit}`."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from urllib.parse import quote, quote_plus

_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_NAMES = re.compile(r"\??[A-Za-z_]\w*(,[A-Za-z_]\w*)*")

_is_plain = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_is_plain_list = re.compile(r"[A-Za-z0-9_.~,-]*").fullmatch
"""What RFC 3986 lets stand as it is, and most values are: looking is quicker than quoting."""

_SIMPLE = frozenset({str, int})


class Template:
    """A path with `{name}` parts and at most one `{?name,other}` at its end.

    Raises:
        ValueError: The text uses another form; the message shows the two that exist.
    """

    def __init__(self, text: str) -> None:
        if not text.startswith("/"):
            raise ValueError(f"template {text!r} must begin with a slash")
        self.text = text
        self.path: tuple[str, ...] = ()
        self.query: tuple[str, ...] = ()
        self._pieces: list[str] = []
        position = 0
        for match in _EXPRESSION.finditer(text):
            self._pieces.append(text[position : match.start()])
            self._take(match, at_end=match.end() == len(text))
            position = match.end()
        if position < len(text):
            self._pieces.append(text[position:])
        if any("{" in piece or "}" in piece for piece in self._pieces):
            raise ValueError(f"template {text!r} has an unpaired brace")
        self.names: frozenset[str] = frozenset(self.path + self.query)
        fixed = [piece.replace("%", "%%") for piece in self._pieces]
        self._pattern = "".join([f"{piece}%s" for piece in fixed[: len(self.path)]] + fixed[len(self.path) :])
        self._bare = "".join(self._pieces)

    def _take(self, match: re.Match[str], *, at_end: bool) -> None:
        expression = match[1]
        if not _NAMES.fullmatch(expression) or ("," in expression and not expression.startswith("?")):
            raise ValueError(f"{match[0]} in template {self.text!r}: write {{name}} or {{?name,other}}")
        if not expression.startswith("?"):
            self.path += (expression,)
        elif at_end:
            self.query = tuple(expression[1:].split(","))
        else:
            raise ValueError(f"{match[0]} must stand at the end of template {self.text!r}")

    def expand(self, arguments: Mapping[str, object]) -> str:
        """Return path and query with *arguments* percent-encoded; query arguments that are None are left out.

        Raises:
            TypeError: A path argument is missing or None, or there is an argument that the template does not name.
        """
        if not arguments and not self.path:
            return self._bare
        if not arguments.keys() <= self.names or None in map(arguments.get, self.path):
            raise self._misused(arguments)
        target = self._pattern % tuple([_segment(arguments[name]) for name in self.path])
        if not self.query:
            return target
        return target + query_string(
            [(name, arguments[name]) for name in self.query if arguments.get(name) is not None]
        )

    def _misused(self, arguments: Mapping[str, object]) -> TypeError:
        unknown = arguments.keys() - self.names
        missing = [name for name in self.path if arguments.get(name) is None]
        said = "; ".join(
            [f"unknown {name!r}" for name in sorted(unknown)] + [f"missing {name!r}" for name in missing]
        )
        return TypeError(f"{self.text} takes {', '.join(sorted(self.names)) or 'no arguments'}: {said}")


def query_string(pairs: Iterable[tuple[str, object]]) -> str:
    """Return *pairs* as `?name=value&...`, or "" when there are none; a list is joined with commas."""
    encoded = "&".join([f"{_name(name)}={_values(wire_text(value))}" for name, value in pairs])
    return f"?{encoded}" if encoded else ""


def _segment(value: object) -> str:
    text = wire_text(value)
    return text if _is_plain(text) else quote(text, safe="")


def _name(text: str) -> str:
    return text if _is_plain(text) else quote_plus(text)


def _values(text: str) -> str:
    return text if _is_plain_list(text) else quote_plus(text, safe=",")


def wire_text(value: object) -> str:
    """Return how *value* is written in a URL: enums by value, times as RFC 3339, booleans as true and false."""
    if type(value) in _SIMPLE:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str if _SIMPLE.issuperset(map(type, value)) else wire_text, value))
    return str(value)
