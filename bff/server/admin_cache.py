"""`/admin/api/cache`: how much is kept, and forgetting it, for the admin port of a running process."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request

from bff.server.colleagues import ALONE, Colleagues
from bff.store import Store, StoreUnavailable
from bff.upstream.cache.keys import upstream_tag
from bff.upstream.cache.tiers import EntryCache

_PATIENCE = 5.0
"""Seconds that another worker may take to forget."""


def router(entries: EntryCache, store: Store, colleagues: Colleagues) -> APIRouter:
    """Return the routes over *entries*; what is forgotten is forgotten by *colleagues*, too."""
    routes = APIRouter(prefix="/admin/api/cache")

    @routes.get("")
    async def stats() -> dict[str, Any]:
        """Return how much is kept and how often it helped."""
        try:
            shared: dict[str, Any] = await store.stats()
        except StoreUnavailable as error:
            shared = {"kind": "redis", "unavailable": str(error)}
        return {"process": entries.stats(), "store": shared}

    @routes.post("/purge")
    async def purge(
        request: Request,
        tag: Annotated[str | None, Body()] = None,
        key: Annotated[str | None, Body()] = None,
        upstream: Annotated[str | None, Body()] = None,
    ) -> dict[str, Any]:
        """Forget one key, or everything with a tag, or everything of an upstream, in all workers."""
        named = {"tag": tag, "key": key, "upstream": upstream}
        given = {kind: value for kind, value in named.items() if value}
        if len(given) != 1:
            raise HTTPException(422, "Say one of tag, key and upstream.")
        if key:
            await entries.drop([key])
        else:
            await entries.forget([tag or upstream_tag(upstream or "")])
        silent: list[int] = []
        if ALONE not in request.query_params:
            body = json.dumps(named).encode()
            said = await asyncio.to_thread(colleagues.tell, request.url.path, body, timeout=_PATIENCE)
            silent = sorted(number for number, answer in said.items() if answer is None)
        return {"forgotten": next(f"{kind} {value}" for kind, value in given.items()), "silent": silent}

    return routes
