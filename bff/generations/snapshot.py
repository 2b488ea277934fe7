"""What is in force, as bytes: the parent of workers keeps it for the one that takes a crashed one's place.

So a worker that crashes while the files are broken is replaced all the same, by one that agrees with the others.
Nothing in it is secret: policies only refer to secrets. Only a process and its own children exchange it.
"""

import copyreg
import io
import pickle
from types import MappingProxyType
from typing import Any

from bff.generations.files import Configuration


def frozen(configuration: Configuration) -> bytes:
    """Return *configuration* as bytes."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[MappingProxyType] = _reduced
    pickler.dump(configuration)
    return stream.getvalue()


def thawed(data: bytes) -> Configuration:
    """Return what was `frozen`."""
    found = pickle.loads(data)  # noqa: S301 - from our own parent, by a pipe that nobody else has
    assert isinstance(found, Configuration)
    return found


def _reduced(mapping: MappingProxyType[Any, Any]) -> tuple[Any, tuple[dict[Any, Any]]]:
    return _proxy, (dict(mapping),)


def _proxy(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)  # whose own name cannot be looked up
