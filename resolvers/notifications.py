"""What customers are told, and on which devices."""

from bff import Context, resolver
from resolvers.changes import Change, attempt
from resolvers.paging import Connection, Cursor, Window
from upstreams import notifications
from upstreams.accounts import User
from upstreams.notifications import Device, Message, NewDevice


@resolver(calls=[notifications.inbox])
async def inbox(
    viewer: User,  # noqa: ARG001 - the service knows the viewer by the forwarded credentials
    context: Context,
    first: int = 20,
    after: Cursor | None = None,
) -> Connection[Message]:
    """Return the viewer's messages, newest first."""
    window = Window(first, after)
    page = await notifications.inbox(context, cursor=window.start.page, limit=window.limit)
    return window.connection(page)


@resolver(calls=[notifications.register])
async def register_device(context: Context, input: NewDevice) -> Change[Device]:  # noqa: A002 - its public name
    """Send the viewer's push messages to a device, too."""
    return await attempt(notifications.register(context, input))
