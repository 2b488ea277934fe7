"""What customers are told, and on which devices."""

from datetime import datetime
from enum import StrEnum

import msgspec

from bff import Upstream
from upstreams.wire import Page

notifications = Upstream("notifications")


class Platform(StrEnum):
    """Whose push service reaches a device."""

    IOS = "IOS"
    ANDROID = "ANDROID"


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """One message in a customer's inbox."""

    id: str
    title: str
    body: str
    read: bool
    created_at: datetime


class Device(msgspec.Struct, frozen=True, rename="camel"):
    """A phone or tablet that receives push messages."""

    id: str
    platform: Platform


class NewDevice(msgspec.Struct, frozen=True, rename="camel"):
    """A device to register; `token` is what its push service calls it."""

    platform: Platform
    token: str


inbox = notifications.get("/inbox{?cursor,limit}", returns=Page[Message])
register = notifications.post("/devices", body=NewDevice, returns=Device)
