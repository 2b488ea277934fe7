"""What two sets of documents have in common and what not."""

from collections.abc import Iterable
from typing import NamedTuple

from bff.execution.trusted.manifest import Manifest
from bff.execution.trusted.registry import hash_of


class Entry(NamedTuple):
    """One document that differs.

    Attributes:
        id: By which it is asked for.
        name: Of its operation, where known.
        clients: Who has registered it.
    """

    id: str
    name: str
    clients: tuple[str, ...]


class Comparison(NamedTuple):
    """What is new, gone, or has another text under the same id or operation name."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[Entry, ...]


def compare(old: Iterable[Manifest], new: Manifest) -> Comparison:
    """Return how *new* differs from all of *old* together.

    Two documents are the same when their texts are. One whose id stays, or whose operation has a name that is gone
    from one side and new on the other, has changed.
    """
    owners: dict[str, list[str]] = {}
    before: dict[str, Entry] = {}
    for manifest in old:
        for one in manifest.documents:
            digest = hash_of(one.text)
            whose = owners.setdefault(digest, [])
            if manifest.client and manifest.owner not in whose:
                whose.append(manifest.owner)
            before.setdefault(digest, Entry(one.id, one.name, ()))
    before = {digest: entry._replace(clients=tuple(owners[digest])) for digest, entry in before.items()}
    after = {hash_of(one.text): Entry(one.id, one.name, ()) for one in new.documents}
    gone = [entry for digest, entry in before.items() if digest not in after]
    come = [entry for digest, entry in after.items() if digest not in before]
    changed: list[Entry] = []
    added: list[Entry] = []
    for entry in come:
        match = next((one for one in gone if one.id == entry.id or (one.name and one.name == entry.name)), None)
        if match is None:
            added.append(entry)
        else:
            gone.remove(match)
            changed.append(entry._replace(clients=match.clients))
    return Comparison(tuple(added), tuple(gone), tuple(changed))
