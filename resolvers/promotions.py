"""What is cheaper at the moment."""

from collections.abc import Sequence

from bff import Context, batched, resolver
from upstreams import promotions
from upstreams.accounts import Segment, User
from upstreams.catalog import Restaurant
from upstreams.promotions import Offer


@resolver(calls=[promotions.offers])
async def offers(context: Context, segment: Segment | None = None) -> Sequence[Offer]:
    """Return the offers for a segment, or for everybody."""
    return await promotions.offers(context, segment=segment)


@resolver(calls=[promotions.offers])
async def offers_for_viewer(viewer: User, context: Context) -> Sequence[Offer]:
    """Return the offers for the viewer's segment."""
    return await promotions.offers(context, segment=viewer.segment)


@batched(calls=[promotions.offers])
async def offers_of_restaurant(restaurants: Sequence[Restaurant], context: Context) -> Sequence[Sequence[Offer]]:
    """Return the offers that hold at each of *restaurants* alone."""
    found = await promotions.offers(context)
    return [[offer for offer in found if offer.restaurant_id == restaurant.id] for restaurant in restaurants]
