"""The public app: every request goes to the generation that is in force when it begins, and stays there."""

from bff.generations.generation import Generation
from bff.server.ports import ASGIApp, Receive, Scope, Send

_AUTH = "/auth/"


class Front:
    """The GraphQL route goes straight to its endpoint, `/auth/*` through FastAPI.

    Args:
        lifespan: Runs what begins and ends with the process.
        generation: The one in force, to be replaced by the next one.
    """

    def __init__(self, lifespan: ASGIApp, generation: Generation) -> None:
        self._lifespan = lifespan
        self.generation = generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        generation = self.generation
        generation.running += 1
        try:
            if scope["path"].startswith(_AUTH):
                await generation.auth(scope, receive, send)
            else:
                await generation.endpoint(scope, receive, send)
        finally:
            generation.left()
