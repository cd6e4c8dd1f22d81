"""What of a state of Terraform is imported, told, and left to Terraform."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.desired.reading.terraform import ResourceType, TerraformResource
from identity_reconciler.errors import UsageError
from identity_reconciler.runs.terraform import Takeover, takeover
from tests.strategies import HERE, INSTANCE
from tests.unit.audit.worlds import LEDGER, STATE, WIKI

STORE = INSTANCE.identity_store_id
EMPTY = Declared(Settings(INSTANCE))
ARN = ApplicationArn(f"arn:aws:sso::1:application/{INSTANCE.instance_arn.rpartition('/')[2]}/apl-1")
LIVE = replace(
    STATE,
    applications={ARN: replace(STATE.applications[WIKI], arn=ARN)},
    assignments={ARN: STATE.assignments[WIKI]},
)


def find(kind: PrincipalKind, identifier: str) -> Principal | None:
    """Know whoever is live by an id that is the name."""
    names = LIVE.users if kind is PrincipalKind.USER else LIVE.groups
    return Principal(kind, identifier) if identifier in names else None


def user(identifier: str, name: str, **held: object) -> TerraformResource:
    address = f'aws_identitystore_user.all["{identifier}"]'
    values = {"user_id": identifier, "user_name": name, "identity_store_id": STORE}
    return TerraformResource(address, ResourceType.USER, values | held)


def group(identifier: str, name: str, **held: object) -> TerraformResource:
    address = f"aws_identitystore_group.{identifier}"
    values = {"group_id": identifier, "display_name": name, "identity_store_id": STORE}
    return TerraformResource(address, ResourceType.GROUP, values | held)


def membership(group_id: str, member: str) -> TerraformResource:
    values = {"group_id": group_id, "member_id": member, "identity_store_id": STORE}
    address = f"aws_identitystore_group_membership.{group_id}_{member}"
    return TerraformResource(address, ResourceType.MEMBERSHIP, values)


def assignment(kind: str, principal: str, arn: str = ARN) -> TerraformResource:
    values = {"application_arn": arn, "principal_id": principal, "principal_type": kind}
    address = f"aws_ssoadmin_application_assignment.{principal}"
    return TerraformResource(address, ResourceType.ASSIGNMENT, values)


def taken(*resources: TerraformResource, declared: Declared = EMPTY) -> Takeover:
    return takeover(resources, declared, LIVE, find)


class TestChosen:
    """What is live by its identifier is imported, and whom its lists name."""

    def test_a_user_alone(self) -> None:
        found = taken(user("bob", "bob", title=""))
        assert found.chosen == {("user", "bob")}
        assert not found.besides
        assert not found.remarks

    def test_a_membership_is_its_group_with_all_members(self) -> None:
        found = taken(membership("finance", "bob"))
        assert found.chosen == {("group", "finance")}
        assert found.besides == {("user", "ana"), ("user", "bob")}

    def test_an_assignment_is_its_application_with_all_groups_and_their_members(self) -> None:
        found = taken(assignment("GROUP", "empty"))
        assert found.chosen == {("application", ARN.lower())}
        assert found.besides == {("group", "builders"), ("group", "empty"), ("user", "ana")}

    def test_who_is_declared_stays_as_declared(self) -> None:
        known = replace(EMPTY, users=(DeclaredUser(User(UserName("ANA")), HERE),))
        assert taken(membership("finance", "bob"), declared=known).besides == {("user", "bob")}

    @pytest.mark.parametrize("mode", ManageLinks)
    def test_lists_that_are_not_managed_name_nobody(self, mode: ManageLinks) -> None:
        settings = Settings(INSTANCE, memberships=mode, assignments=mode)
        found = taken(group("finance", "Finance"), declared=Declared(settings))
        assert bool(found.besides) is (mode is not ManageLinks.OFF)
        found = taken(assignment("GROUP", "empty"), declared=Declared(settings))
        assert bool(found.besides) is (mode is not ManageLinks.OFF)

    def test_a_manager_is_named_too(self) -> None:
        boss = replace(LIVE.users[user_key("carla")], manager=UserName("Dora"))
        live = replace(LIVE, users={**LIVE.users, UserKey(user_key("carla")): boss})
        found = takeover([user("carla", "carla")], EMPTY, live, find)
        assert found.besides == {("user", "dora")}


class TestTold:
    """What is gone is not imported, what has changed is imported as it is live; both are told."""

    @pytest.mark.parametrize(
        ("resource", "said"),
        [
            (user("zoe", "zoe"), '"user/zoe" is gone from AWS; delete its block, and declare it'),
            (user("u-old", "Bob"), "another of that name is live, which `import --only user/Bob`"),
            (group("g-1", "x"), '"group/x" is gone from AWS; delete its block'),
            (group("g-1", "FINANCE"), "which `import --only group/FINANCE` takes in"),
            (membership("finance", "carla"), "the membership is gone from AWS; delete its block"),
            (membership("finance", "zoe"), "the membership is gone"),
            (membership("g-1", "bob"), "the membership is gone"),
            (assignment("GROUP", "finance"), "the assignment is gone from AWS"),
            (assignment("GROUP", "g-1"), "the assignment is gone"),
            (assignment("ROBOT", "empty"), "the assignment is gone"),
            (assignment("GROUP", "empty", ARN + "2"), "the assignment is gone"),
        ],
    )
    def test_gone(self, resource: TerraformResource, said: str) -> None:
        found = taken(resource)
        assert not found.chosen | found.besides
        (remark,) = found.remarks
        assert remark.startswith(f"{resource.address}: ")
        assert said in remark
        assert found.leaving(EMPTY, LIVE) == ((resource.resource,), ())

    @pytest.mark.parametrize(
        ("resource", "said"),
        [
            (user("bob", "Robert"), '"Robert" is called "bob" in AWS than'),
            (user("bob", "bob", title="Lead"), '"bob" has another title in AWS than'),
            (group("finance", "Money"), 'is called "Finance" in AWS and has another description'),
            (group("finance", "Finance", description="x"), "has another description in AWS than"),
        ],
    )
    def test_changed(self, resource: TerraformResource, said: str) -> None:
        found = taken(resource)
        assert len(found.chosen) == 1
        assert said in found.remarks[0]

    def test_nothing_has_changed(self) -> None:
        assert taken(group("finance", "Finance", description="All of Finance")).remarks == ()

    def test_another_instance(self) -> None:
        other = replace(user("bob", "bob"), values={"identity_store_id": "d-0"})
        with pytest.raises(UsageError, match='has identity_store_id "d-0"; name the directory'):
            taken(other)
        with pytest.raises(UsageError, match="has application_arn "):
            taken(assignment("GROUP", "empty", LEDGER))
        found = taken(other, replace(user("bob", "bob"), address="aws_identitystore_user.bob"))
        assert found.chosen == {("user", "bob")}
        assert found.remarks[0].startswith(
            "passed over, and left to Terraform: 1 resource of another"
        )
        assert found.found.keys() == {"aws_identitystore_user.bob"}


def declaring(**settings: ManageObjects | ManageLinks) -> Declared:
    """Return a declaration of finance with ana and bob, and of what builders may open."""
    listed = (Listed("ana", HERE), Listed("BOB", HERE))
    return Declared(
        replace(Settings(INSTANCE), **settings),  # type: ignore[arg-type]  # modes by name
        users=tuple(DeclaredUser(User(UserName(one)), HERE) for one in ("Ana", "bob")),
        groups=(
            DeclaredGroup(
                Group(GroupName("Money")), HERE, members=listed, previous_names=("finance",)
            ),
            DeclaredGroup(Group(GroupName("builders")), HERE),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Wiki"), HERE, groups=(Listed("Builders", HERE),)
            ),
        ),
    )


ALL = (
    user("ana", "Ana"),
    user("bob", "bob"),
    group("finance", "Finance"),
    membership("finance", "bob"),
    assignment("GROUP", "builders"),
)


class TestLeaving:
    """Terraform may forget what is managed here, and nothing else."""

    def left(self, declared: Declared) -> set[str]:
        """Return the types that leave, by the last word; all others stay."""
        going, staying = taken(*ALL).leaving(declared, LIVE)
        assert len(going) + len(staying) == 4
        return {name.partition(".")[0].rpartition("_")[2] for name in going}

    def test_all_of_it(self) -> None:
        assert self.left(declaring()) == {"user", "group", "membership", "assignment"}

    def test_nothing_is_declared(self) -> None:
        assert self.left(EMPTY) == set()

    @pytest.mark.parametrize(
        ("setting", "stays"),
        [
            ({"users": ManageObjects.REFERENCE}, "user"),
            ({"groups": ManageObjects.REFERENCE}, "group"),
            ({"memberships": ManageLinks.OFF}, "membership"),
            ({"assignments": ManageLinks.OFF}, "assignment"),
        ],
    )
    def test_what_is_not_managed_stays(
        self, setting: dict[str, ManageObjects | ManageLinks], stays: str
    ) -> None:
        every = {"user", "group", "membership", "assignment"}
        assert self.left(declaring(**setting)) == every - {stays}

    def test_one_of_several_instances_keeps_them_all(self) -> None:
        """A block can only name the resource."""
        declared = declaring()
        absent = replace(declared.users[1], presence=Presence.ABSENT)
        assert "user" not in self.left(replace(declared, users=(declared.users[0], absent)))

    def test_links_are_those_of_the_same_ends(self) -> None:
        declared = declaring()
        only_ana = replace(declared.groups[0], members=(Listed("ana", HERE),))
        other = replace(declared, groups=(only_ana, declared.groups[1]))
        assert "membership" not in self.left(other)
        (wiki,) = declared.applications
        other = replace(declared, applications=(replace(wiki, users=wiki.groups, groups=()),))
        assert "assignment" not in self.left(other)
        assert group_key("Money") not in LIVE.groups
