"""The door to live state: names outside, AWS identifiers inside.

`Gateway` is the contract; its docstrings say what the applier may rely on. `aws` implements it
with boto3; tests also implement it with plain dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    Principal,
    Resource,
    State,
    User,
)


def _none(_: object) -> bool:
    return False


def _unknown(_: object) -> int:
    return 0


def _nothing(_: State) -> Wanted | None:
    return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read. The default reads nothing; every part asked for is read completely.

    Lists (`users`, `groups`, `applications`) are read page by page; `members_of` and
    `assignments_of` choose, among the groups and applications listed in the same call, those
    whose lists are read too. `named`, `principals`, `memberships_of`, `assignments_to`,
    `mentioned`, `addresses` and `arns` are for questions about a few objects and cost requests
    in proportion to them, not to the organisation.
    """

    users: bool = False
    groups: bool = False
    applications: bool = False
    members_of: Callable[[Group], bool] = _none
    assignments_of: Callable[[Application], bool] = _none
    """Also reads `assignment_required` of the applications it chooses."""
    required_of: Callable[[Application], bool] = _none
    """Reads `assignment_required` of more of the listed applications, and not who is assigned."""
    length_of: Callable[[Group], int] = _unknown
    """How many members a group of `members_of` may have: the longest lists are read first."""
    arns: tuple[ApplicationArn, ...] = ()
    """These applications alone, where the list of them is not asked for."""
    named: tuple[Resource, ...] = ()
    """These alone, looked up by name; those that are not live are missing from the answer."""
    principals: tuple[Principal, ...] = ()
    """All that hangs on these live principals: both of the following."""
    memberships_of: tuple[Principal, ...] = ()
    """The groups of these live users, and the members of these live groups.

    These groups and members are in the answer too, but for the managers of members.
    """
    assignments_to: tuple[Principal, ...] = ()
    """What these live principals are assigned to themselves; the applications are not in it."""
    mentioned: tuple[User | Group, ...] = ()
    """Whether these are live, by name: those that are come with their name and nothing else."""
    addresses: tuple[str, ...] = ()
    """Whoever has these e-mail addresses, described."""
    account_access: tuple[Principal, ...] = ()
    """What these live principals have in AWS accounts, one request for each and one more where
    there is account access manager. See `State.account_access`."""
    account_lists: bool = False
    """Whether access to AWS accounts is read by listing all of it, once in the life of the gateway:
    the answer then has every principal that has any, orphans too."""
    twins: bool = False
    """Whether listed users, or groups, that names cannot tell apart are told as `State.twins`;
    otherwise the read fails."""
    then: Callable[[State], Wanted | None] = _nothing
    """What to read as well, given the answer to all of this; None when that is enough."""

    @property
    def accounts(self) -> bool:
        """Whether access to AWS accounts is asked for."""
        return self.account_lists or bool(self.account_access)

    def without_accounts(self) -> Wanted:
        """Return the same but for access to AWS accounts."""
        then = self.then

        def following(state: State) -> Wanted | None:
            further = then(state)
            return None if further is None else further.without_accounts()

        return replace(self, account_access=(), account_lists=False, then=following)


class Gateway(Protocol):
    """Reads and writes one Identity Center instance. Safe to share between threads."""

    def read_state(self, wanted: Wanted) -> State:
        """Return what *wanted* asks for; everything else is missing from the answer.

        Sets of members and assignments are complete for the groups and applications chosen by
        `members_of` and `assignments_of`, and partial (only the edges asked about) where they
        come from `named` or `principals`. Assignments whose principal is in neither the users
        nor the groups listed in the same call are orphans.

        Where the credentials may not ask for access to AWS accounts, or there is none, the answer
        says so in `State.account_gaps`, and nothing of that kind is in it.

        Raises:
            IncompleteReadError: Any part could not be read; there is no partial answer.
            AccessDeniedError: A permission is missing.
            CredentialsError: There are none, or they have expired.
            GatewayError: Two listed users, or groups, have names that differ only in case, and
                *wanted* does not ask for twins.
        """
        ...

    def witnesses(self, principals: Iterable[Principal]) -> Mapping[Principal, str]:
        """Return what tells each of *principals* from others of its name, see `core.bindings`.

        Nothing is asked: those that this gateway has not met are missing. A write to a name that is
        in the answer goes to the object with that witness.
        """
        ...

    def announcing(self, begin: Callable[[], None]) -> AbstractContextManager[None]:
        """Call *begin* right before each request to write that this thread sends in the block.

        That is when the request has got its turn, so little time passes until it is on its way.
        What *begin* raises keeps the request from being sent, and comes out of the write.
        """
        ...

    def create(self, resource: Resource) -> None:
        """Create *resource*, with one request and no hidden retry.

        Raises:
            AlreadyExistsError: Its key is live.
            NotFoundError: Something it requires is not live.
            ThrottledError: Nothing was done; try later.
            UnknownOutcomeError: The answer was lost; it may be live.
            GatewayError: Refused; nothing was done.
        """
        ...

    def update(self, before: User | Group, after: User | Group) -> None:
        """Change *before* into *after*, its name too, if AWS still has *before*.

        *after* is complete: what it has no value for is removed. Sends the attributes that differ
        and the revision of the last read of the object, so AWS itself refuses what changed in the
        last moment. Nothing is sent when nothing differs.

        Raises:
            ChangedError: AWS no longer has *before*.
            AlreadyExistsError: Another object has the new name or e-mail address.
            NotFoundError: It is not live, or something it requires is not.
            ThrottledError: Nothing was done; try later.
            UnknownOutcomeError: The answer was lost; it may have happened.
            GatewayError: Refused; nothing was done.
        """
        ...

    def delete(self, resource: Resource) -> None:
        """Remove *resource*; users and groups with the revision of their last read.

        Raises:
            NotFoundError: It is not live.
            ChangedError: AWS no longer has what was read.
            ThrottledError: Nothing was done; try later.
            UnknownOutcomeError: The answer was lost; it may be gone.
            GatewayError: Refused; nothing was done.
        """
        ...
