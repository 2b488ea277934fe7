"""A connection walks a service's pages without losing, repeating or inventing an item."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.paging import MAX_PAGE, Cursor, Window
from upstreams.wire import Page


class Service:
    """Answers pages of the numbers below `total`; its cursors mean nothing to anybody else."""

    def __init__(self, total):
        self.total = total

    def page(self, cursor, limit):
        assert 1 <= limit <= MAX_PAGE
        start = int(cursor.removeprefix("at.")) if cursor else 0
        items = list(range(start, min(start + limit, self.total)))
        more = start + limit < self.total
        return Page(items, f"at.{start + limit}" if more else None, self.total)

    def connection(self, first, after=None):
        window = Window(first, after)
        return window.connection(self.page(window.start.page, window.limit))


def nodes(connection):
    return [edge.node for edge in connection.edges]


@given(total=st.integers(0, 180), first=st.integers(1, MAX_PAGE))
def test_following_the_end_cursor_shows_every_item_once(total, first):
    service, after, seen = Service(total), None, []
    while True:
        connection = service.connection(first, after)
        seen += nodes(connection)
        assert connection.total_count == total
        assert connection.page_info.has_previous_page == (after is not None)
        if not connection.page_info.has_next_page:
            break
        assert connection.edges
        after = connection.page_info.end_cursor

    assert seen == list(range(total))


@given(st.data())
def test_a_list_goes_on_after_any_edge(data):
    """An app may keep the cursor of the last item that was on the screen."""
    service = Service(data.draw(st.integers(1, 180)))
    after = None
    for first in data.draw(st.lists(st.integers(1, MAX_PAGE), min_size=1, max_size=5)):
        connection = service.connection(first, after)
        if not connection.edges:
            break
        edge = data.draw(st.sampled_from(connection.edges))
        after = Cursor.parse(str(edge.cursor))

        following = nodes(service.connection(MAX_PAGE, after))

        assert following[:1] == [edge.node + 1][: service.total - edge.node - 1]
        assert following == list(range(edge.node + 1, edge.node + 1 + len(following)))


def test_a_page_knows_its_first_and_last_cursor():
    connection = Service(10).connection(3)

    assert connection.page_info.start_cursor == connection.edges[0].cursor
    assert connection.page_info.end_cursor == connection.edges[-1].cursor
    assert Service(0).connection(3).page_info.end_cursor is None


@given(page=st.none() | st.text(min_size=1), skip=st.integers(0, MAX_PAGE))
def test_a_cursor_survives_its_way_through_the_client(page, skip):
    try:
        text = str(Cursor(page, skip))
    except UnicodeEncodeError:
        return

    assert Cursor.parse(text) == Cursor(page, skip)
    assert "=" not in text


@given(st.text())
def test_text_that_is_no_cursor_is_refused(text):
    """It never gets as far as the service, and fails in no other way."""
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        return

    assert cursor.skip <= MAX_PAGE


@pytest.mark.parametrize("first", [-1, 0, MAX_PAGE + 1])
async def test_a_page_that_no_service_gives_is_not_asked_for(app, services, first):
    _, errors = await app.run("query ($first: Int!) { restaurants(first: $first) { totalCount } }", first=first)

    assert [error["path"] for error in errors] == [["restaurants"]]
    assert errors[0]["message"] == f"`first` is {first}; allowed are 1 to 50."
    assert errors[0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not services.calls


async def test_a_broken_cursor_is_refused_before_anything_runs(app, services):
    data, errors = await app.run('{ restaurants(after: "nonsense") { totalCount } }')

    assert data is None
    assert "not a cursor" in errors[0]["message"]
    assert not services.calls


async def test_a_connection_goes_on_at_the_service_where_it_stopped(app, services):
    query = """
    query ($after: Cursor) {
      restaurants(first: 2, after: $after) { edges { cursor node { id } } pageInfo { endCursor hasNextPage } }
    }
    """
    data, _ = await app.run(query)
    after = data["restaurants"]["pageInfo"]["endCursor"]

    data, errors = await app.run(query, after=after)

    assert errors == []
    assert [edge["node"]["id"] for edge in data["restaurants"]["edges"]] == ["r3", "r4"]
    assert services.requests[-1].target == "/restaurants?cursor=2&limit=2"
