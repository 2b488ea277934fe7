"""What a schema lets clients keep: the shortest time and smallest audience of all that is asked for (CA-22)."""

import math

import pytest
import strawberry
from graphql import parse

from bff import CacheControl, CacheControlScope, Context, Upstream, field, resolver
from bff.context import Deadline, Operation
from bff.execution.cache_control import Allowance, CacheHints
from bff.execution.client_cache import keeping
from bff.execution.strawberry_schema import graphql_schema_of
from bff.testing import VirtualClock

catalog = Upstream("catalog")
get_dish = catalog.get("/dish", returns=dict, name="get_dish")
PRIVATE = CacheControlScope.PRIVATE


@resolver(calls=[get_dish])
async def dish_of_the_day(context: Context) -> dict:
    return await get_dish(context)


@strawberry.type
class Price:
    cents: int


@strawberry.type(directives=[CacheControl(max_age=240)])
class Menu:
    name: str
    price: Price

    @strawberry.field
    def computed(self) -> Price:
        return Price(cents=1)

    @strawberry.field(directives=[CacheControl(inherit_max_age=True)])
    def inherited(self) -> Price:
        return Price(cents=1)

    @strawberry.field(directives=[CacheControl(max_age=30)])
    def offers(self) -> list[Price]:
        return []

    @strawberry.field(directives=[CacheControl(scope=PRIVATE)])
    def favourite(self) -> bool:
        return True


@strawberry.type
class Dish:
    id: str
    price: Price


@strawberry.type
class Query:
    dish: Dish | None = field(dish_of_the_day)
    capped: Dish | None = field(dish_of_the_day, directives=[CacheControl(max_age=60)])

    @strawberry.field
    def menu(self) -> Menu:
        return Menu(name="", price=Price(cents=1))

    @strawberry.field(directives=[CacheControl(max_age=5)])
    def hasty(self) -> Menu:
        return Menu(name="", price=Price(cents=1))

    @strawberry.field
    def unknown(self) -> int:
        return 1


HINTS = CacheHints(graphql_schema_of(strawberry.Schema(Query)))


def allowed(text):
    document = parse(text)
    return HINTS.of(document, document.definitions[0])


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("{ dish { id price { cents } } }", math.inf, id="services alone decide"),
        pytest.param("{ capped { id } }", 60, id="a field's own word"),
        pytest.param("{ menu { name price { cents } } }", 240, id="a type's word, also for what came with it"),
        pytest.param("{ hasty { name } }", 5, id="a field's word goes before its type's"),
        pytest.param("{ menu { name offers { cents } } }", 30, id="the shortest of all"),
        pytest.param("{ menu { computed { cents } } }", 0, id="an object that a function makes is unknown"),
        pytest.param("{ menu { inherited { cents } } }", 240, id="unless it is as its parent"),
        pytest.param("{ menu { favourite } }", 240, id="a leaf is as its parent"),
        pytest.param("{ unknown }", 0, id="nothing is known of a root"),
        pytest.param("{ capped { id } menu { name } }", 60, id="several roots"),
        pytest.param("{ __typename menu { ... on Menu { offers { cents } } } }", 30, id="inline fragment"),
        pytest.param("query { menu { ...F } } fragment F on Menu { offers { cents } }", 30, id="fragment"),
        pytest.param("{ menu { name } __schema { description } }", 0, id="the schema itself"),
    ],
)
def test_the_shortest_time_of_all_fields_holds(query, seconds):
    assert allowed(query).max_age == seconds


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("{ unknown }", 30, id="a root of which nobody says anything"),
        pytest.param("{ menu { computed { cents } } }", 30, id="an object that a function makes"),
        pytest.param("{ hasty { name } }", 5, id="the schema's word goes first"),
        pytest.param("{ dish { id } }", math.inf, id="so does a service's"),
        pytest.param("{ unknown __schema { description } }", 0, id="the schema itself is never kept"),
    ],
)
def test_policy_says_what_holds_where_nobody_says_anything(query, seconds):
    """CA-22: `default_max_age`."""
    document = parse(query)
    hints = CacheHints(graphql_schema_of(strawberry.Schema(Query)), 30.0)

    assert hints.of(document, document.definitions[0]).max_age == seconds


def test_one_private_field_makes_all_private():
    assert not allowed("{ menu { name } }").private
    assert allowed("{ menu { name favourite } }").private


@pytest.mark.parametrize(
    ("told", "allowance", "kept"),
    [
        pytest.param((20.0, False), Allowance(60), (20, False), id="a service lowers it"),
        pytest.param((90.0, False), Allowance(60), (60, False), id="and never raises it"),
        pytest.param((90.0, True), Allowance(60), (60, True), id="a service makes it private"),
        pytest.param((90.0, False), Allowance(60, private=True), (60, True), id="or the schema does"),
        pytest.param((90.0, False), Allowance(), (90, False), id="the schema says nothing"),
        pytest.param(None, Allowance(60), (60, False), id="no service was asked"),
        pytest.param(None, Allowance(), (0, False), id="nobody said anything"),
    ],
)
def test_services_may_lower_what_the_schema_allows(told, allowance, kept):
    operation = Operation("r", Deadline.after(1, VirtualClock()), None)
    if told is not None:
        operation.max_age, operation.private = told

    assert keeping(operation, allowance) == kept
