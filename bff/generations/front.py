"""The public app: every request goes to the generation that is in force when it begins, and stays there."""

from bff.generations.generation import Generation
from bff.generations.process import GRAPHQL
from bff.server.known import Known
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

    @property
    def path(self) -> str:
        """Where the GraphQL endpoint lives."""
        return GRAPHQL

    def at_once(self, known: Known, client: tuple[str, int] | None, usual: bytes) -> bytes | ASGIApp | None:
        """Answer a request that came before without waiting, if the generation in force can; see `Direct`."""
        generation = self.generation
        if generation.direct is None:
            return None
        answer = generation.direct.at_once(known, client, usual)
        if answer is None or isinstance(answer, bytes):
            return answer
        generation.running += 1  # it has begun in this one, and ends in it

        async def rest(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await answer(scope, receive, send)
            finally:
                generation.left()

        return rest

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
