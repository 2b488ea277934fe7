"""Which client a request comes from, and which limits are its."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bff.admission.buckets import Bucket, Layer
from bff.admission.versions import VersionRules
from bff.context import Principal
from bff.policy.clients import ClientDefaults, ClientPolicy, ClientRules, Concurrency, Limit
from bff.policy.shedding import PriorityName
from bff.server.headers import Headers

Knowledge = Literal["proven", "named", "unknown"]

_LONGEST = 200


@dataclass(frozen=True, slots=True, eq=False)
class ClientLimits:
    """The limits of one policy, made ready.

    Attributes:
        policy: Its name.
        client: All requests of the client together.
        user: Each user.
        anonymous: Each address of people who do not say who they are.
        operations: Single operations by name.
        cost: What operations cost.
        concurrency: How many at once.
        priority: How much the client's operations matter.
    """

    policy: str
    client: Bucket | None
    user: Bucket | None
    anonymous: Bucket | None
    operations: Mapping[str, Bucket]
    cost: Bucket | None
    concurrency: Concurrency
    priority: PriorityName | None

    @classmethod
    def of(cls, rules: ClientRules, *, policy: str, share: int) -> "ClientLimits":
        """Return the limits of *rules*, to be divided among *share* processes without a store."""
        limits = rules.limits

        def bucket(limit: Limit, layer: Layer, name: str = "") -> Bucket | None:
            return Bucket.of(limit, policy=policy, layer=layer, share=share, name=name)

        operations = {name: bucket(limit, "operation", name) for name, limit in limits.operations.items()}
        return cls(
            policy,
            bucket(limits.client, "client"),
            bucket(limits.user, "user"),
            bucket(limits.anonymous, "anonymous"),
            {name: found for name, found in operations.items() if found is not None},
            bucket(limits.cost, "cost"),
            limits.concurrency,
            rules.priority,
        )


class Seen(NamedTuple):
    """What is known of one request's client.

    Attributes:
        limits: Those in force.
        versions: What its version means.
        proven: The client id where the client has proven it, so that it may have a bucket of its own (RL-6).
        name: For counts: what it calls itself, else its id.
        version: As it says it.
    """

    limits: ClientLimits
    versions: VersionRules
    proven: str | None
    name: str
    version: str | None


class Clients:
    """Knows clients by what they have proven, else by what they call themselves.

    Args:
        defaults: What holds for all others.
        policies: What is different for some, by the name of their policy.
        share: Processes among which limits are divided without a store.
    """

    def __init__(self, defaults: ClientDefaults, policies: Mapping[str, ClientPolicy], *, share: int) -> None:
        self._headers = defaults.name_headers, defaults.version_headers
        self._names = tuple(name.encode("latin-1") for name in defaults.name_headers)
        self._versions = tuple(name.encode("latin-1") for name in defaults.version_headers)
        self.default = ClientLimits.of(defaults, policy="default", share=share)
        rules = VersionRules(defaults.versions)
        self._unknown = (self.default, rules)
        self._by_id: dict[str, tuple[ClientLimits, VersionRules]] = {}
        self._by_name: dict[str, tuple[ClientLimits, VersionRules]] = {}
        self._trusted: set[str] = set()
        for policy_name, policy in policies.items():
            found = ClientLimits.of(policy, policy=policy_name, share=share), VersionRules(policy.versions)
            for who in policy.match.clients:
                self._by_id[who] = found
            for who in policy.match.names:
                trusted = policy.match.trust_names
                self._by_name[who] = found if trusted else (self.default, found[1])
                if trusted:
                    self._trusted.add(who)

    @property
    def ranked(self) -> bool:
        """Whether any client's operations matter more or less than others."""
        every = (self._unknown, *self._by_id.values(), *self._by_name.values())
        return any(limits.priority is not None for limits, _ in every)

    def seen(self, principal: Principal, headers: Headers) -> Seen:
        """Return what is known of the client that sent *headers* for *principal*."""
        raw = headers.raw
        name = _short(next((raw[header] for header in self._names if header in raw), None))
        version = _short(next((raw[header] for header in self._versions if header in raw), None))
        proven = principal.client
        found = self._by_id.get(proven) if proven else None
        if found is None and name is not None:
            found = self._by_name.get(name)
            if proven is None and name in self._trusted:
                proven = name
        limits, versions = found or self._unknown
        return Seen(limits, versions, proven, name or proven or "", version)

    def named(self, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Return what a client calls itself, and its version, both bounded."""
        name, version = (next((headers[one] for one in some if one in headers), None) for some in self._headers)
        return name and name[:_LONGEST], version and version[:_LONGEST]

    def priority(self, principal: Principal, headers: Headers) -> PriorityName | None:
        """Return how much this client's operations matter, None where nothing says so (LS-1)."""
        return self.seen(principal, headers).limits.priority


def _short(value: bytes | None) -> str | None:
    return value[:_LONGEST].decode("latin-1") if value else None
