"""What can go wrong with a login or a session.

SessionError
- LoginFailed: this login cannot be completed; the person starts again
- SessionGone: there is no such session any more; the person logs in again
- LoginUnavailable: the issuer or the store cannot be asked now; the session may be good
"""


class SessionError(Exception):
    """Base; the text is for logs only."""


class LoginFailed(SessionError):
    """This login cannot be completed."""


class SessionGone(SessionError):
    """There is no such session, or not any more."""


class LoginUnavailable(SessionError):
    """The issuer or the store does not answer."""


class GrantRefused(SessionError):
    """The issuer says that a code or a refresh token is not good (`invalid_grant`)."""
