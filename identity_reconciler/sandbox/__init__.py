"""The local stand-in for AWS: operations of our own on a file, and moto for STS.

    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        users = sandbox.session().client("identitystore")

Every behaviour names its source in the code: *documented* by AWS, *observed* by others on the
real service, or *assumed*; the assumptions that matter are switches in `assumptions`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identity_reconciler.sandbox.sandbox import InstanceDetails, Sandbox
else:

    def __getattr__(name: str) -> object:
        """Import on first use: pytest loads the plugin in this package at every start."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from identity_reconciler.sandbox import sandbox  # noqa: PLC0415

        return getattr(sandbox, name)


__all__ = ["InstanceDetails", "Sandbox"]
