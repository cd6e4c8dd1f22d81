"""The local stand-in for AWS: operations of our own on a file, and moto for STS.

    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        users = sandbox.session().client("identitystore")

Every behaviour names its source in the code: *documented* by AWS, *observed* by others on the
real service, or *assumed*; the assumptions that matter are switches in `assumptions`.
"""

from identity_reconciler.sandbox.sandbox import InstanceDetails, Sandbox

__all__ = ["InstanceDetails", "Sandbox"]
