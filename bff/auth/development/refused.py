"""How the issuer says no."""

from http import HTTPStatus


class OAuthRefused(Exception):
    """An error answer of OAuth 2.0 (RFC 6749 section 5.2).

    Attributes:
        error: Its code.
        status: Of the HTTP answer.
    """

    def __init__(self, error: str, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class PageRefused(Exception):
    """Nobody can be sent back with an error, because where to cannot be trusted (RFC 6749 section 4.1.2.1)."""


class NotForProduction(Exception):
    """The issuer was asked to run where it must not."""
