"""`/admin/api/clients`: who asks, who is refused, who still uses what is deprecated; for the admin port."""

from typing import Any

from fastapi import APIRouter

from bff.admission.usage import Usage


def router(usage: Usage) -> APIRouter:
    """Return the routes over *usage*."""
    routes = APIRouter(prefix="/admin/api/clients")

    @routes.get("")
    async def clients() -> dict[str, Any]:
        """Return counts since the process began; each worker has its own."""
        return usage.told()

    return routes
