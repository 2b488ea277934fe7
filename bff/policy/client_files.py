"""Whether the files of `policies/clients/` go together."""

from collections.abc import Iterator, Mapping

from bff.policy.clients import ClientPolicy
from bff.policy.document import Located
from bff.policy.problem import Problem


def same_client(clients: Mapping[str, ClientPolicy], documents: Mapping[str, Located]) -> Iterator[Problem]:
    """Refuse two files that are about the same client."""
    known: dict[tuple[str, str], str] = {}
    for name, policy in clients.items():
        for key in ("clients", "names"):
            for index, who in enumerate(getattr(policy.match, key)):
                other = known.setdefault((key, who), name)
                place = documents[f"clients/{name}"].find(("match", key, index))
                if other != name and place:
                    what = f"client {who!r} is in clients/{other}.yaml already"
                    yield Problem(place.at.file, place.at.line, place.at.column, f"match.{key}[{index}]", what)


def unproven_limits(clients: Mapping[str, ClientPolicy], documents: Mapping[str, Located]) -> Iterator[Problem]:
    """Warn of limits and priorities of a client that never proves who it is (RL-6)."""
    for name, policy in clients.items():
        if policy.match.clients or policy.match.trust_names:
            continue
        document = documents[f"clients/{name}"]
        for key in ("limits", "priority"):
            place = document.find((key,))
            at = place and (place.key_at or place.at)
            if at and at.file == document.at.file:
                yield Problem(
                    at.file,
                    at.line,
                    at.column,
                    key,
                    f"{key} of client {name} is never used: it is known by a name that anybody can give",
                    write="match: {clients: [ID]}",
                    level="warning",
                )
