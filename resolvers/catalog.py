"""Restaurants, menus and dishes."""

from collections.abc import Sequence

from bff import Context, batched, resolver
from resolvers.keys import grouped
from resolvers.paging import Connection, Cursor, Window
from upstreams import catalog
from upstreams.catalog import Cuisine, Dish, Menu, MenuSection, Restaurant
from upstreams.orders import Order, OrderLine
from upstreams.promotions import Offer
from upstreams.wire import Page


@resolver(calls=[catalog.restaurant])
async def restaurant(context: Context, id: str) -> Restaurant | None:  # noqa: A002 - the argument's public name
    """Return one restaurant."""
    return await catalog.restaurant(context, id=id)


@resolver(calls=[catalog.restaurants])
async def restaurants(
    context: Context,
    first: int = 20,
    after: Cursor | None = None,
    cuisine: Cuisine | None = None,
    open_only: bool = False,  # noqa: FBT001, FBT002 - a GraphQL argument is always named
) -> Connection[Restaurant]:
    """Return the restaurants of a cuisine, or of all."""
    window = Window(first, after)
    page = await catalog.restaurants(
        context, cursor=window.start.page, limit=window.limit, cuisine=cuisine, open=open_only or None
    )
    return window.connection(page)


@resolver(calls=[catalog.search])
async def search(
    context: Context, text: str, first: int = 20, after: Cursor | None = None
) -> Connection[Restaurant | Dish | None]:
    """Return the restaurants and dishes that fit *text*."""
    window = Window(first, after)
    page = await catalog.search(context, q=text, cursor=window.start.page, limit=window.limit)
    found = [hit.restaurant or hit.dish for hit in page.items]
    return window.connection(Page(found, page.next_cursor, page.total))


@resolver(calls=[catalog.menu], per_parent="the service answers one menu at a time, and screens show one")
async def menu(restaurant: Restaurant, context: Context) -> Menu | None:
    """Return what *restaurant* offers."""
    return await catalog.menu(context, id=restaurant.id)


@batched(calls=[catalog.dishes])
async def dishes(sections: Sequence[MenuSection], context: Context) -> Sequence[Sequence[Dish | None | Exception]]:
    """Return the dishes of each of *sections*."""
    return await grouped(catalog.dishes, context, [section.dish_ids for section in sections])


@batched(calls=[catalog.restaurants_by_id])
async def restaurant_of_dish(dishes: Sequence[Dish], context: Context) -> Sequence[Restaurant | None | Exception]:
    """Return who cooks each of *dishes*."""
    return await catalog.restaurants_by_id.many(context, [dish.restaurant_id for dish in dishes])


@batched(calls=[catalog.restaurants_by_id])
async def restaurant_of_order(
    orders: Sequence[Order], context: Context
) -> Sequence[Restaurant | None | Exception]:
    """Return who cooks each of *orders*."""
    return await catalog.restaurants_by_id.many(context, [order.restaurant_id for order in orders])


@batched(calls=[catalog.restaurants_by_id])
async def restaurant_of_offer(
    offers: Sequence[Offer], context: Context
) -> Sequence[Restaurant | None | Exception]:
    """Return where each of *offers* holds, None for everywhere."""
    return await catalog.restaurants_by_id.many(context, [offer.restaurant_id for offer in offers])


@batched(calls=[catalog.dishes])
async def dish(lines: Sequence[OrderLine], context: Context) -> Sequence[Dish | None | Exception]:
    """Return what each of *lines* is about."""
    return await catalog.dishes.many(context, [line.dish_id for line in lines])
