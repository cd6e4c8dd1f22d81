"""What the sandbox leaves out of AWS, and how it says so: one modelled error that names it."""

from __future__ import annotations

from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.errors import ServiceError

LEAVES_OUT = "This is the sandbox of identity-reconciler, which does not have"
"""How the message begins."""

_FITTING = ("ValidationException", "InvalidInputException", "AccessDeniedException")
"""What is answered: the first that the model of the operation has."""


def left_out(service: str, operation: str, member: str = "") -> ServiceError:
    """Return the answer to what AWS has and the sandbox has not, on purpose.

    It is an error that the operation has: programs know what to do with it. Those of STS have none
    that fits; any of them may answer ValidationError.
    """
    modelled = {
        shape.name for shape in service_model(service).operation_model(operation).error_shapes
    }
    code = next((one for one in _FITTING if one in modelled), "ValidationError")
    what = f"{member} of {operation}" if member else operation
    return ServiceError(code, f"{LEAVES_OUT} {what}.")
