"""Where the text of a document comes from: the request, a registered id, or a hash that a client sent before."""

from collections.abc import Awaitable
from typing import Protocol

from msgspec import Struct

from bff.codes import Code
from bff.execution.documents import refused
from bff.execution.messages import GraphQLRequest, Ingress

NOT_SUPPORTED = "PersistedQueryNotSupported"
"""Message that Apollo's clients compare with; they send texts from then on."""


class Sourced(Struct):
    """A document's text and what is known of it.

    Attributes:
        text: As it was registered or sent.
        keepable: Whether answers to it may be kept downstream (CA-23).
        learnable: The hash under which it is remembered once it has turned out to be good; None for not at all.
        hash: SHA-256 of the text in hexadecimal, where it is known already.
        told: Whether anybody was told that it came.
    """

    text: str
    keepable: bool = True
    learnable: str | None = None
    hash: str | None = None
    told: bool = False


class DocumentSource(Protocol):
    """Finds the text that a request means."""

    def find(self, request: GraphQLRequest, ingress: Ingress) -> Sourced | Awaitable[Sourced]:
        """Return the text, at once where nothing has to be asked.

        Raises:
            Refused: There is none, or policy does not let it run.
        """

    async def learn(self, sourced: Sourced) -> None:
        """Remember a document that has turned out to be good; never fails."""


class TextSource:
    """Knows texts only."""

    def find(self, request: GraphQLRequest, ingress: Ingress) -> Sourced:  # noqa: ARG002 - the port's shape
        """Return the text that was sent.

        Raises:
            Refused: There is none.
        """
        if request.query is not None:
            return Sourced(request.query)
        if request.document_id is not None or (request.extensions and "persistedQuery" in request.extensions):
            raise refused(Code.PERSISTED_QUERY_NOT_SUPPORTED, NOT_SUPPORTED)
        raise refused(Code.BAD_REQUEST, "The request has no query.")

    async def learn(self, sourced: Sourced) -> None:
        """Remember nothing."""
