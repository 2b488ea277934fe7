"""Finds the text that a request means: by id, by hash, or as it was sent, as far as policy lets it run."""

from collections.abc import Awaitable
from hashlib import sha256
from typing import Any

from bff.clock import Clock
from bff.codes import Code
from bff.events import Notify, UntrustedDocument
from bff.execution.documents import Refused, refused
from bff.execution.messages import GraphQLRequest, Ingress
from bff.execution.source import NOT_SUPPORTED, Sourced
from bff.execution.trusted.manifest import MAX_ID
from bff.execution.trusted.registry import Registry, hash_of
from bff.policy.trusted import TrustedDocuments
from bff.store import Store, StoreUnavailable
from bff.store.memory import MemoryStore

NOT_FOUND = "PersistedQueryNotFound"
"""Message that Apollo's clients compare with; they send hash and text together then."""

VERSION = 1
"""Of the protocol in `extensions.persistedQuery`."""

_MAX_BYTES = 32 * 1024 * 1024
_HEX_DIGITS = 64


class TrustedSource:
    """Knows registered documents, and those that clients have registered themselves.

    Args:
        policy: Who may run what.
        registry: The registered documents.
        shared: Where the processes find what clients have told one of them; None for each its own.
        clock: Tells when those lapse.
        notify: Hears of texts that nobody has registered.
        near: Where this process keeps what clients have told it; as `near_of` makes it.
    """

    def __init__(
        self,
        policy: TrustedDocuments,
        registry: Registry,
        *,
        shared: Store | None,
        clock: Clock,
        notify: Notify,
        near: MemoryStore | None = None,
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._shared = shared
        self._notify = notify
        self._ttl = policy.apq.ttl.total_seconds()
        self._near = near or near_of(policy, clock)

    def find(self, request: GraphQLRequest, ingress: Ingress) -> Sourced | Awaitable[Sourced]:
        """Return the text that *request* means.

        Raises:
            Refused: There is none, or policy does not let it run.
        """
        extensions = request.extensions
        digest = _digest(extensions["persistedQuery"]) if extensions and "persistedQuery" in extensions else None
        identifier = digest or request.document_id
        if request.query is None:
            if identifier is None:
                raise refused(Code.BAD_REQUEST, "The request has neither a query nor the id of a document.")
            return self._by_id(identifier, automatic=digest is not None)
        if identifier is None and self._policy.mode == "off":
            return Sourced(request.query)
        return self._by_text(request.query, identifier, ingress, automatic=digest is not None)

    async def learn(self, sourced: Sourced) -> None:
        """Remember a document for its time, here and for the other processes; never fails."""
        if sourced.learnable is None or await self._recall(self._near, sourced.learnable) is not None:
            return
        values = {_key(sourced.learnable): sourced.text.encode("utf-8", "surrogatepass")}
        await self._near.set(values, self._ttl)
        if self._shared is not None:
            try:
                await self._shared.set(values, self._ttl)
            except StoreUnavailable:
                return

    def _by_id(self, identifier: str, *, automatic: bool) -> Sourced | Awaitable[Sourced]:
        policy = self._policy
        if policy.mode != "off" and (known := self._registry.find(identifier)) is not None:
            return Sourced(known.text, hash=known.hash)
        digest = identifier.removeprefix("sha256:")
        if policy.apq.enabled and _is_digest(digest):
            return self._told_before(digest, automatic=automatic)
        if policy.mode == "off" and not policy.apq.enabled:
            raise refused(Code.PERSISTED_QUERY_NOT_SUPPORTED, NOT_SUPPORTED)
        raise _not_found(automatic=automatic)

    async def _told_before(self, digest: str, *, automatic: bool) -> Sourced:
        text = await self._recall(self._near, digest)
        if text is None and self._shared is not None:
            text = await self._from_others(self._shared, digest)
        if text is None:
            raise _not_found(automatic=automatic)
        return Sourced(text, keepable=self._policy.mode != "prefer", hash=digest)

    async def _from_others(self, shared: Store, digest: str) -> str | None:
        """Return what another process was told, and keep it near; a hash is believed only with its text."""
        try:
            text = await self._recall(shared, digest)
        except StoreUnavailable:
            return None
        if text is None or hash_of(text) != digest:
            return None
        await self._near.set({_key(digest): text.encode("utf-8", "surrogatepass")}, self._ttl)
        return text

    def _by_text(self, text: str, identifier: str | None, ingress: Ingress, *, automatic: bool) -> Sourced:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if identifier is not None:
            self._require_match(identifier, digest)
        mode = self._policy.mode
        learnable = digest if automatic and self._policy.apq.enabled else None
        if mode == "off":
            return Sourced(text, learnable=learnable, hash=digest)
        if self._registry.find(digest) is not None:
            return Sourced(text, hash=digest)
        allowed = mode != "only" or not self._policy.adhoc_scopes.isdisjoint(ingress.principal.scopes)
        self._notify(UntrustedDocument(ingress.request_id, digest, allowed))
        if not allowed:
            message = "Only registered documents run here: send the id of one, or register this one."
            raise refused(Code.DOCUMENT_NOT_ALLOWED, message)
        return Sourced(text, keepable=mode == "log", learnable=learnable, hash=digest, told=True)

    def _require_match(self, identifier: str, digest: str) -> None:
        known = self._registry.find(identifier) if self._policy.mode != "off" else None
        if identifier.removeprefix("sha256:") != digest and (known is None or known.hash != digest):
            raise refused(Code.BAD_REQUEST, "The id of the document is not that of the query sent with it.")

    @staticmethod
    async def _recall(store: Store, digest: str) -> str | None:
        found = (await store.get([_key(digest)])).get(_key(digest))
        return None if found is None else found.decode("utf-8", "surrogatepass")


def near_of(policy: TrustedDocuments, clock: Clock) -> MemoryStore:
    """Return where one process keeps the documents that clients have told it; they go by `apq.max_documents`."""
    return MemoryStore(clock, max_entries=policy.apq.max_documents, max_bytes=_MAX_BYTES)


def _digest(told: Any) -> str:
    """Return the hash in `extensions.persistedQuery`.

    Raises:
        Refused: It is not of version 1, or holds no hash.
    """
    if not isinstance(told, dict) or type(told.get("version")) is not int:
        raise refused(Code.BAD_REQUEST, "extensions.persistedQuery is {version: 1, sha256Hash: ...}.")
    if told["version"] != VERSION:
        raise refused(Code.BAD_REQUEST, f"extensions.persistedQuery.version must be {VERSION}.")
    digest = told.get("sha256Hash")
    if not isinstance(digest, str) or not 0 < len(digest) <= MAX_ID:
        raise refused(Code.BAD_REQUEST, "extensions.persistedQuery.sha256Hash must be a SHA-256 in hexadecimal.")
    return digest


def _is_digest(text: str) -> bool:
    return len(text) == _HEX_DIGITS and set(text) <= set("0123456789abcdef")


def _key(digest: str) -> str:
    return f"document:{digest}"


def _not_found(*, automatic: bool) -> Refused:
    message = NOT_FOUND if automatic else "No document with this id is registered."
    return refused(Code.PERSISTED_QUERY_NOT_FOUND, message)
