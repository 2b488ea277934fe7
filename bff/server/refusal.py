"""A request error found before the engine saw anything."""

from collections.abc import Mapping
from typing import Any

from bff.codes import Code
from bff.server.statuses import STATUSES, Statuses

HeaderList = tuple[tuple[bytes, bytes], ...]


class Refusal(Exception):
    """The request is answered with *code* and *message*.

    Attributes:
        statuses: Where the code alone does not say it.
        headers: Header fields that the status asks for, such as `allow`.
        unread: Whether part of the body was left unread, so that the connection cannot be used again.
        retry_after: Seconds after which the same request may be welcome; None where nobody can say.
        extensions: Further members of the error's `extensions`, such as `storeUrl`.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        statuses: Statuses | None = None,
        headers: HeaderList = (),
        unread: bool = False,
        retry_after: int | None = None,
        detail: str = "",
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.statuses = statuses or STATUSES[code]
        self.headers = headers
        self.unread = unread
        self.retry_after = retry_after
        self.detail = detail
        self.extensions = extensions or {}
