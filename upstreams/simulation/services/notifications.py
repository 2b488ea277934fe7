"""Notifications: inbox, devices, pushes. Shows a service that may be away when something is to be told."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from bff.testing.http_message import Reply, Request
from upstreams.simulation.model import Message, Platform, Wire
from upstreams.simulation.web import App, Outside, bearer, decode, invalid, page
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number, timestamp
from upstreams.simulation.world.ledger import USERS

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_CREATED: Final = 201


class NewDevice(Wire, frozen=True):
    """A telephone that wants to be pushed to."""

    platform: Platform
    token: _Text


class NewPush(Wire, frozen=True):
    """Something to tell a customer."""

    user_id: str
    title: _Text
    body: _Text


class Device(Wire, frozen=True):
    """A registered telephone."""

    id: str
    platform: Platform


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    service = Notifications(world, outside)
    notifications = App("notifications", "private, no-store", outside)
    notifications.get("/inbox", service.inbox)
    notifications.post("/devices", service.register)
    notifications.post("/push", service.push)
    return notifications


class Notifications:
    """What the service answers; devices and pushed messages stay until it restarts."""

    def __init__(self, world: World, outside: Outside) -> None:
        self._post = world.post
        self._clock = outside.clock
        self._devices: dict[tuple[int, str], Device] = {}
        self._pushed: dict[int, list[Message]] = {}
        self._pushes = 0

    def inbox(self, request: Request) -> Reply:
        """Answer a page of the customer's messages, newest first."""
        user = bearer(request)
        oldest_first = [*reversed(self._post.inbox(user)), *self._pushed.get(user, ())]
        found = [(-place, message) for place, message in enumerate(oldest_first)]
        return page(request, found[::-1], key=lambda item: item[0], show=lambda item: item[1])

    def register(self, request: Request) -> Reply:
        """Register a device; the same token again finds it."""
        user, wanted = bearer(request), decode(request, NewDevice)
        known = self._devices.get((user, wanted.token))
        if known is not None:
            return Reply.json(known)
        device = Device(f"dev{len(self._devices) + 1}", wanted.platform)
        self._devices[user, wanted.token] = device
        return Reply.json(device, _CREATED)

    def push(self, request: Request) -> Reply:
        """Put a message into a customer's inbox."""
        wanted = decode(request, NewPush)
        user = number(wanted.user_id, "u", USERS)
        if user is None:
            raise invalid("#/userId", f"there is no customer {wanted.user_id[:40]}")
        self._pushes += 1
        now = timestamp(datetime.fromtimestamp(self._clock.wall(), UTC))
        message = Message(f"p{self._pushes}", wanted.title, wanted.body, read=False, created_at=now)
        self._pushed.setdefault(user, []).append(message)
        return Reply.json({"id": message.id}, 202)
