"""What may be tried on a running system: faults on purpose, a share of calls to other hosts, copies of calls."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bff.policy.base import Count, Policy, Switch, Timeout
from bff.policy.hosts import HostEntry, HostKeys, places_of
from bff.policy.names import Header, is_plaintext_to_elsewhere
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Share, Size, bytes_of

InjectionAllowance = Literal["never", "development", "scope"]
"""Nobody; whoever asks, but in development only; callers whose token has `scope`."""

_STEP = r"(?:[A-Za-z_][A-Za-z0-9_-]*|\*)"
_JSON_PATH = re.compile(rf"(?:\[\]|{_STEP})(?:\[\]|\.{_STEP})*")


def check_json_path(path: str) -> str:
    """Return *path*, a place in a JSON body such as `items[].updatedAt`.

    Raises:
        Refused: Not names joined by dots, with `[]` for each list and `*` for any name.
    """
    if _JSON_PATH.fullmatch(path):
        return path
    likely = re.sub(r"\[[0-9*]*\]", "[]", path.removeprefix("$").lstrip("."))
    raise Refused(
        f"{path!r} is no place in a body: names joined by dots, [] for each list, * for any name, such as "
        "items[].updatedAt",
        likely if _JSON_PATH.fullmatch(likely) else None,
    )


JSONPath = Annotated[str, AfterValidator(check_json_path)]
"""A place in a JSON body; see `check_json_path`."""


class FaultInjection(Policy):
    """Faults on purpose: by operators for a share of all calls, by developers for their own operations."""

    allow: InjectionAllowance = "never"
    """`never`: nobody. `development`: whoever asks, where the process runs in development. `scope`: operators at
    the admin port, and with `header` callers whose credentials were granted `scope`; in development everybody."""

    header: Header = "x-bff-faults"
    """The request header that breaks services for one operation alone, such as `reviews=slow(2s);payments=503`."""

    scope: Annotated[str, Field(min_length=1, max_length=128)] = "bff:faults"
    """The scope that `allow: scope` wants of whoever sends `header`."""

    max_share: Annotated[Share, Field(gt=0)] = 0.5
    """Largest share of calls that an operator's experiment may hit."""

    max_duration: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=10)
    """Longest experiment, and how far ahead the `until` of a header may lie; both end by themselves."""


class OtherHosts(Policy):
    """Base of what sends calls to hosts besides the upstream's own."""

    hosts: Annotated[
        tuple[HostEntry, ...], Field(max_length=100, examples=[["https://catalog-next.internal:8443"]])
    ] = ()
    """Base URLs of the other hosts, as in the upstream's `hosts`; none turns it off. They get the same credentials
    as the upstream's own hosts, so they must be trusted as much."""

    @property
    def places(self) -> tuple[HostKeys, ...]:
        """The hosts, each with all its keys."""
        return places_of(self.hosts)

    def host_clashes(
        self, section: str, own: tuple[HostKeys, ...], *, plaintext: bool, certificate: bool
    ) -> Iterator[Clash]:
        """Return what is wrong with the hosts of *section* in an upstream.

        Args:
            section: The key that this stands under.
            own: The upstream's own hosts.
            plaintext: Whether the upstream says why `http://` is safe.
            certificate: Whether its hosts have to ask for our certificate.
        """
        urls, stable = [place.url for place in self.places], {place.url for place in own}
        for index, host in enumerate(urls):
            key = (section, "hosts", index)
            if host in urls[:index]:
                yield Clash((key,), f"host {host!r} is named twice", None)
            if host in stable:
                what = f"host {host!r} is one of the upstream's own hosts: there would be nothing to compare"
                yield Clash((key, ("hosts",)), what, None)
            if certificate and host.startswith("http://"):
                what = f"{host!r} asks for no certificate: credentials of mode mtls need https://"
                yield Clash((key, ("credentials", "mode")), what, f"https{host.removeprefix('http')}")
            elif not plaintext and is_plaintext_to_elsewhere(host):
                what = f"{host!r} is another machine, and http:// is not encrypted"
                yield Clash((key, ("plaintext",)), what, f"https{host.removeprefix('http')}")
        if urls and min(place.priority for place in self.places) > 0:
            yield Clash(((section, "hosts", 0, "priority"),), "no host has priority 0: calls begin there", "0")


class Canary(OtherHosts):
    """Sends a share of the calls to other hosts, such as those of a new release, for as long as they do no worse.

    The other hosts have a balance, breakers, permits and connections of their own. What they refuse goes to the
    upstream's own hosts at once, and so does every repetition of a call that failed there.
    """

    share: Annotated[Share, Field(gt=0)] = 0.05
    """Share of the calls, or with `sticky: principal` of the callers."""

    sticky: Literal["principal", "none"] = "principal"
    """`principal`: a caller always or never gets there, in every process; callers without a name as under `none`.
    `none`: each call is drawn anew."""

    margin: Annotated[Share, Field(gt=0)] = 0.1
    """The canary is stopped when its share of failed calls exceeds that of the upstream's own hosts by more than
    this. It stays stopped until the policy of the upstream changes or the process starts anew."""

    min_calls: Annotated[Count, Field(ge=5, le=100_000)] = 50
    """Calls to the canary within `window` before shares mean anything."""

    window: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(minutes=1)
    """How far back calls count."""


class Shadow(OtherHosts):
    """Sends copies of calls to other hosts when the real answer is there, and compares; no client waits for it.

    Copies have connections of their own and touch neither breaker, nor budget, nor cache.
    """

    share: Annotated[Share, Field(gt=0)] = 0.01
    """Share of the calls that is copied, of those that the own hosts answered."""

    methods: Annotated[frozenset[Literal["GET", "POST", "PUT", "PATCH", "DELETE"]], Field(min_length=1)] = (
        frozenset({"GET"})
    )
    """Methods that are copied; with POST also queries to GraphQL services."""

    unsafe: Switch = False
    """Whether calls that may change something are copied too; only for hosts with data of their own."""

    compare: Switch = True
    """Whether the answers are compared: status, and each field of a JSON body. Only paths and kinds of differences
    are kept, never values."""

    ignore: frozenset[JSONPath] = frozenset()
    """Places in bodies that may differ, such as `generatedAt` or `items[].updatedAt`; `*` is any name."""

    concurrency: Annotated[Count, Field(ge=1, le=1000)] = 10
    """Copies under way at once, per worker; more are dropped and counted."""

    timeout: Timeout = timedelta(seconds=2)
    """Longest wait for the answer to a copy."""

    max_compared: Annotated[Size, Field(ge=1, le=8 * 1024**2)] = bytes_of("256KiB")
    """Longer bodies are only compared byte by byte, for comparing fields holds up everybody else."""
