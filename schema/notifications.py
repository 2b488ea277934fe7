"""What customers are told, and on which devices."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.notifications
from bff import requires_scopes
from schema.changes import UserError
from schema.describe import describe_enum, fed
from upstreams import notifications

describe_enum(
    notifications.Platform,
    "Whose push service reaches a device.",
    {"IOS": "Apple's.", "ANDROID": "Google's."},
)


@strawberry.type(description="A message in a customer's inbox.")
class Message:
    """A message in a customer's inbox."""

    id: strawberry.ID = strawberry.field(description="Unique among messages.")
    title: str = strawberry.field(description="One line.")
    body: str = strawberry.field(description="The message.")
    read: bool = strawberry.field(description="Whether the customer has opened it.")
    created_at: datetime = strawberry.field(description="When it was sent.")


@strawberry.type(description="A phone or tablet that receives push messages.")
class Device:
    """A phone or tablet that receives push messages."""

    id: strawberry.ID = strawberry.field(description="Unique among devices.")
    platform: notifications.Platform = strawberry.field(description="Whose push service reaches it.")


@strawberry.input(description="A device to register.")
class RegisterDeviceInput:
    """A device to register."""

    platform: notifications.Platform = strawberry.field(description="Whose push service reaches it.")
    token: str = strawberry.field(description="What that push service calls the device.")


@strawberry.type(description="The device that was registered, or why it was not.")
class RegisterDevicePayload:
    """The device that was registered, or why it was not."""

    value: Device | None = strawberry.field(name="device", description="The device; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it is registered.")


@strawberry.type(description="Changes to devices.")
class Mutation:
    """Root fields."""

    register_device: RegisterDevicePayload | None = fed(
        resolvers.notifications.register_device,
        "Send the customer's push messages to a device, too; registering it again changes nothing.",
        arguments={"input": Annotated[RegisterDeviceInput, strawberry.argument(description="The device.")]},
        directives=[requires_scopes([["devices:write"]])],
    )
