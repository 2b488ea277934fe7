"""Accounts: who the customer is. Shows forwarded credentials and a private cache."""

from typing import Final

from bff.testing.http_message import Reply, Request
from upstreams.simulation.web import App, Outside, bearer, keys
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number
from upstreams.simulation.world.ledger import USERS

_MAX_USERS: Final = 100


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    people = world.people

    def me(request: Request) -> Reply:
        return Reply.json(people.user(bearer(request)))

    def users(request: Request) -> Reply:
        numbers = [number(key, "u", USERS) for key in keys(request, "ids", _MAX_USERS)]
        return Reply.json([people.user(index) for index in numbers if index])

    accounts = App("accounts", "private, max-age=60", outside)
    accounts.get("/me", me)
    accounts.get("/users", users)
    return accounts
