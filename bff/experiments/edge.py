"""The header of a developer at the door: understood, or refused with what to write instead."""

from bff.codes import Code
from bff.context import Principal
from bff.experiments.header import Asked, BadHeader
from bff.experiments.registry import Experiments, NotAllowed
from bff.server.headers import Headers
from bff.server.refusal import Refusal


class FaultHeader:
    """Reads the header that asks for faults.

    Args:
        experiments: Know who may ask for what.
        header: Its name.
    """

    def __init__(self, experiments: Experiments, header: str) -> None:
        self._experiments = experiments
        self.header = header.encode()

    def asked(self, headers: Headers, principal: Principal) -> Asked:
        """Return what *principal* asks for.

        Raises:
            Refusal: *principal* may not (403), or the header makes no sense (400).
        """
        try:
            return self._experiments.asked(headers.text(self.header) or "", principal)
        except NotAllowed as error:
            raise Refusal(Code.FORBIDDEN, str(error)) from None
        except BadHeader as error:
            raise Refusal(Code.BAD_REQUEST, str(error)) from None
