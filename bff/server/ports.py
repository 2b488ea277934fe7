"""What the edge asks of the engine, and the ASGI types everybody here uses."""

from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.codes import Code
from bff.execution.messages import Answer, GraphQLRequest, Ingress

__all__ = ["ASGIApp", "Engine", "Message", "Receive", "Scope", "Send"]


class Engine(Protocol):
    """Runs operations; also the only place that words errors, so that redaction and error ids live once."""

    async def execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        """Run one request within `ingress.deadline`; failures are told in the answer, never raised.

        A cancellation stops the operation, except a mutation that a service has seen already (DL-9).
        """

    def refuse(self, code: Code, message: str, ingress: Ingress, *, detail: str = "", **extensions: Any) -> Answer:
        """Return the answer to a request that the edge refuses; *detail* is for logs only.

        *extensions* are further members of the error's `extensions`, such as `retryAfterMs`.
        """
