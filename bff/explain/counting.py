"""How many calls an operation makes: per endpoint and wave, and in all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from bff.explain.plan import Count, Manner
from bff.explain.sites import Site
from bff.explain.sizes import Sizes
from bff.upstream.batch import Batching
from bff.upstream.endpoint import Endpoint, Single

NO_CALLS = Count(least=0, most=0)


@dataclass(frozen=True, slots=True)
class Use:
    """One endpoint, as one site calls it."""

    endpoint: Endpoint[Any]
    site: Site

    @property
    def manner(self) -> Manner:
        """How parents become calls."""
        if isinstance(self.endpoint, Batching):
            return "batched"
        return "once" if self.site.resolver.batched or self.site.parents <= 1 else "per parent"

    @property
    def certain(self) -> bool:
        """Whether the endpoint is called in any case, as far as its parents are there."""
        return self.site.certain and (len(self.site.calls) == 1 or not _chooses(self.site))

    @property
    def identity(self) -> object:
        """What uses have in common that share calls: the endpoint and, where the field has them, arguments."""
        if isinstance(self.endpoint, Batching):
            return (self.endpoint, self.site.arguments)
        if isinstance(self.endpoint, Single) and self.endpoint.method == "GET":
            return (self.endpoint, self.site.resolver, self.site.arguments)
        return (self.endpoint, self.site)


def uses_of(sites: Iterable[Site]) -> list[Use]:
    """Return every endpoint of every site."""
    return [Use(endpoint, site) for site in sites for endpoint in site.calls]


def count(uses: Sequence[Use], sizes: Sizes) -> Count:
    """Return how many calls *uses* of one endpoint make together."""
    groups: dict[object, list[Use]] = defaultdict(list)
    for use in uses:
        groups[use.identity].append(use)
    counts = [_group(group, sizes) for group in groups.values()]
    return total(counts, shared=_may_be_equal(uses, len(groups)))


def total(counts: Sequence[Count], *, shared: bool = False) -> Count:
    """Return the sum of *counts*; where calls may turn out to be *shared*, at least the largest of them."""
    least = [one.least for one in counts]
    return Count(least=max(least, default=0) if shared else sum(least), most=sum(one.most for one in counts))


def keys_of(uses: Sequence[Use], sizes: Sizes) -> int | None:
    """Return how many keys *uses* of one endpoint ask for, None where it takes no keys."""
    endpoint = uses[0].endpoint
    if not isinstance(endpoint, Batching):
        return None
    known = sizes.of_keys(str(endpoint))
    return ceil(known if known is not None else sum(one.site.parents * one.site.item_keys for one in uses))


def _group(uses: Sequence[Use], sizes: Sizes) -> Count:
    endpoint = uses[0].endpoint
    if isinstance(endpoint, Batching):
        return _batched(endpoint, uses, sizes)
    known = sizes.of_keys(str(endpoint))
    moments = ceil(sum(_times(uses)))
    if any(one.manner == "per parent" for one in uses):
        most = ceil(known if known is not None else sum(one.site.parents for one in uses))
        least = most
    else:
        most = moments if known is None else min(moments, ceil(known))
        least = min(1, most)
    return Count(least=least if any(one.certain for one in uses) or known is not None else 0, most=most)


def _batched(endpoint: Batching[Any], uses: Sequence[Use], sizes: Sizes) -> Count:
    """Return the calls of a batch: chunks at least; one more for each moment at which further keys may arrive."""
    keys = keys_of(uses, sizes) or 0
    if keys == 0:
        return NO_CALLS
    chunks = ceil(keys / endpoint.max_keys)
    most = min(keys, chunks + max(0, ceil(sum(_times(uses))) - 1))
    known = sizes.of_keys(str(endpoint)) is not None
    return Count(least=chunks if known or any(one.certain for one in uses) else 0, most=most)


def _times(uses: Sequence[Use]) -> list[float]:
    """Return at how many moments the parents of *uses* may arrive, those with one cause counted once."""
    return list({id(one.site.trigger): one.site.arrivals for one in uses if one.site.parents}.values())


def _chooses(site: Site) -> bool:
    """Whether a resolver with several endpoints may be choosing among them; a change calls them in order."""
    return any(isinstance(one, Batching) for one in site.calls)


def _may_be_equal(uses: Sequence[Use], groups: int) -> bool:
    """Whether GETs of different resolvers may be the same request, of which an operation makes one."""
    resolvers = {id(one.site.resolver) for one in uses}
    return groups > 1 and len(resolvers) > 1 and uses[0].endpoint.method == "GET"
