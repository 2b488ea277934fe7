"""Who may see or do what, where neither a login nor a scope says it."""

from bff import Asked, Principal, access_policy


@access_policy()
async def people_only(principal: Principal, asked: Asked) -> bool:  # noqa: ARG001 - the caller alone decides
    """Say whether a person is behind the call: a program's token or key is about the program itself."""
    return bool(principal.subject) and principal.subject != principal.client
