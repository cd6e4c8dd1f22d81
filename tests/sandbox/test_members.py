"""No member of a request is ignored: whatever it may have is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import StructureShape

from identity_reconciler.sandbox.access_manager import AccessManager
from identity_reconciler.sandbox.organizations import OrganizationAnswers
from identity_reconciler.sandbox.services import Administrator, IdentityStore
from identity_reconciler.sandbox.world import Caller, World
from tests.sandbox.test_model import SUCCESSES, Town, described, filled, service_of, town

__all__ = ["town"]

CALLER = Caller("123456789012", "us-east-1", "arn:aws:iam::123456789012:user/x", "AIDA", "")
ORGANIZATIONS = {
    "ListAccounts": "accounts",
    "DescribeAccount": "account",
    "DescribeOrganization": "organization",
    "ListRoots": "roots",
    "ListDelegatedAdministrators": "delegated_administrators",
}


class Read(dict[str, Any]):
    """The members of a request, and which of them have been looked at."""

    def __init__(self, members: dict[str, Any], seen: set[str], path: str = "") -> None:
        super().__init__(
            {
                name: Read(value, seen, f"{path}{name}.") if isinstance(value, dict) else value
                for name, value in members.items()
            }
        )
        self._seen = seen
        self._path = path

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any member
        self._seen.add(self._path + name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any member
        self._seen.add(self._path + name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._seen.add(f"{self._path}{name}")
        return super().__contains__(name)

    def items(self) -> Any:  # noqa: ANN401 - a view
        self._seen.add(f"{self._path}*")
        return super().items()


def members(shape: StructureShape | None, path: str = "") -> Iterator[str]:
    """Yield the paths of the members of a request, those of filters too."""
    for name, member in (shape.members if shape else {}).items():
        if name == "Filter" and isinstance(member, StructureShape):
            yield from members(member, f"{path}{name}.")
        else:
            yield path + name


class TestMembers:
    """An operation looks at every member that its request can have."""

    @pytest.mark.parametrize("operation", SUCCESSES)
    def test_are_looked_at(self, town: Town, operation: str) -> None:
        seen: set[str] = set()
        params = {"Filter": {}, "tags": {}} | filled(town, SUCCESSES[operation])
        world = town.sandbox.responder.world
        backend, name = self.answering(world, operation)
        with world.store.transaction(write=True):
            getattr(backend, name)(Read(params, seen))
        shape = described(operation).input_shape
        unseen = [one for one in members(shape) if one not in seen]
        assert "*" in seen or unseen == []

    def answering(self, world: World, operation: str) -> tuple[Any, str]:
        """Return what answers an operation, and the name of its method."""
        if operation in ORGANIZATIONS:
            return OrganizationAnswers(world, CALLER), ORGANIZATIONS[operation]
        backends: dict[str, Any] = {
            "identitystore": IdentityStore,
            "sso-admin": Administrator,
            "account-access": AccessManager,
        }
        backend = backends[service_of(operation)]
        return backend(world, CALLER), xform_name(described(operation).name)
