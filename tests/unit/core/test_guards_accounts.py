"""Guards about access to AWS accounts: who may get in, and what may not stay behind."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.declared import DeclaredUser
from identity_reconciler.core.guard_settings import GuardId, PrivilegedNames
from identity_reconciler.core.guards import Standing
from identity_reconciler.core.guards.leftover import command
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    User,
    UserKey,
    UserName,
)
from tests.guarded_world import WIDE, World, judge
from tests.strategies import HERE, INSTANCE

ADMIN = AccountRole(
    "111122223333", "prod", AccountRoleKind.PERMISSION_SET, "Admin", "arn:aws:sso:::ps/1"
)
ROOT = AccountRole(
    "444455556666",
    "",
    AccountRoleKind.ROLE,
    "break-glass/Root",
    "arn:aws:iam::444455556666:role/break-glass/Root",
)
TEAM = Principal(PrincipalKind.GROUP, "team")


def joined(role: AccountRole) -> World:
    """Return a world in which Eve comes into the team, which has *role*."""
    world = World(team="ann bob")
    world.people.append("eve")
    world.groups["team"] = ["ann", "bob", "eve"]
    world.accounts = {TEAM: frozenset({role})}
    return world


class TestPrivileged:
    """Nobody new comes into a group that has privileged access to an account."""

    @pytest.mark.parametrize(
        ("role", "named"),
        [
            (ADMIN, PrivilegedNames(permission_sets=("adm*",))),
            (ADMIN, PrivilegedNames(permission_sets=("arn:aws:sso:::ps/1",))),
            (ADMIN, PrivilegedNames(accounts=("111122223333",))),
            (ADMIN, PrivilegedNames(accounts=("PROD",))),
            (ROOT, PrivilegedNames(roles=("/break-glass/*",))),
            (ROOT, PrivilegedNames(roles=("root",))),
            (ROOT, PrivilegedNames(roles=(ROOT.arn,))),
            (ROOT, PrivilegedNames(accounts=("4444*",))),
        ],
    )
    def test_refuses_members(self, role: AccountRole, named: PrivilegedNames) -> None:
        settings = replace(WIDE, privileged=named)
        verdict = judge(joined(role).evidence(), settings)[GuardId.PRIVILEGED]
        assert verdict.standing is Standing.BLOCKED
        assert verdict.addresses == ("membership/team/eve",)

    @pytest.mark.parametrize(
        ("role", "named"),
        [
            (ADMIN, PrivilegedNames(permission_sets=("Other",), accounts=("444455556666",))),
            # A role is no permission set, and a permission set no role.
            (ADMIN, PrivilegedNames(roles=("*",))),
            (ROOT, PrivilegedNames(permission_sets=("*",))),
            # An account without a name has none that a pattern could match.
            (ROOT, PrivilegedNames(accounts=("prod", "?"))),
        ],
    )
    def test_lets_others_pass(self, role: AccountRole, named: PrivilegedNames) -> None:
        settings = replace(WIDE, privileged=named)
        verdict = judge(joined(role).evidence(), settings)[GuardId.PRIVILEGED]
        assert verdict.standing is Standing.PASSED


class TestTakenOver:
    """The address of somebody with privileged access is not given away, nor changed."""

    def test_names_who_gets_another_address(self) -> None:
        world = World(team="ann bob")
        world.people.remove("ann")
        world.extra_users = [
            DeclaredUser(User(UserName("ann"), email=Email("other@example.com")), HERE)
        ]
        live = replace(
            world.live(),
            users={**world.live().users, UserKey("ann"): User(UserName("ann"))},
            account_access={TEAM: frozenset({ADMIN})},
        )
        settings = replace(WIDE, privileged=PrivilegedNames(permission_sets=("Admin",)))
        verdict = judge(world.evidence(live), settings)[GuardId.PRIVILEGED]
        assert verdict.addresses == ("user/ann",)


class TestLockout:
    """What administrators lose in accounts counts."""

    def test_names_it(self) -> None:
        world = World(team="ann bob")
        world.groups["team"] = ["ann"]
        world.accounts = {TEAM: frozenset({ADMIN})}
        verdict = judge(world.evidence(), replace(WIDE, administrators=("bob",)))
        assert "access/bob/111122223333/Admin" in verdict[GuardId.LOCKOUT_SELF].addresses

    def test_neither_what_they_gain_nor_what_others_lose(self) -> None:
        world = World(team="ann bob")
        world.people.append("eve")
        world.groups["team"] = ["ann", "eve"]
        world.accounts = {TEAM: frozenset({ADMIN})}
        verdict = judge(world.evidence(), replace(WIDE, administrators=("eve",)))
        assert verdict[GuardId.LOCKOUT_SELF].addresses == ()


class TestLeftover:
    """Deleting whom AWS would keep access for is refused; what comes through groups is not his."""

    def test_of_a_group(self) -> None:
        world = World(team="ann bob")
        world.groups, world.absent_groups = {}, ["team"]
        world.accounts = {TEAM: frozenset({ADMIN, ROOT})}
        verdict = judge(world.evidence())[GuardId.LEFTOVER_ACCOUNTS]
        assert verdict.standing is Standing.BLOCKED
        assert verdict.addresses == ("group/team",)
        assert "group/team has Admin in prod (111122223333)" in verdict.found
        assert len(verdict.remedies) == 2

    @pytest.mark.parametrize("number", [5, 6, 7])
    def test_what_is_told_and_in_which_order(self, number: int) -> None:
        """Five in words, and the commands for all."""
        names = [f"t{n}" for n in range(number)]
        world = World(**dict.fromkeys(names, "ann"))
        world.groups, world.absent_groups = {}, names[::-1]
        world.accounts = {
            Principal(PrincipalKind.GROUP, name): frozenset({ADMIN}) for name in names
        }
        verdict = judge(world.evidence())[GuardId.LEFTOVER_ACCOUNTS]
        assert verdict.addresses == tuple(f"group/{name}" for name in names)
        told = ", ".join(f"group/{name} has Admin in prod (111122223333)" for name in names[:5])
        more = f" and {number - 5} more" if number > 5 else ""
        assert verdict.found.endswith(f": {told}{more}")
        assert [f'"{name}"' in one for name, one in zip(names, verdict.remedies, strict=True)] == [
            True
        ] * number

    def test_of_a_user(self) -> None:
        world = World(team="ann bob")
        world.absent_users, world.groups["team"] = ["bob"], ["ann"]
        world.accounts = {TEAM: frozenset({ADMIN})}
        assert judge(world.evidence())[GuardId.LEFTOVER_ACCOUNTS].standing is Standing.PASSED
        world.accounts[Principal(PrincipalKind.USER, "bob")] = frozenset({ADMIN})
        verdict = judge(world.evidence())[GuardId.LEFTOVER_ACCOUNTS]
        assert verdict.addresses == ("user/bob",)


HOSTILE = 'it\'s "$(touch owned)" `x` \\ {a,b} *'


class TestCommands:
    """The commands that help pass names through a shell as they are, whatever they hold."""

    @pytest.mark.parametrize(
        ("resource", "kind", "asked", "path", "member"),
        [
            (User(UserName("ann")), "USER", "get-user-id", "userName", "UserId"),
            (Group(GroupName("ann")), "GROUP", "get-group-id", "displayName", "GroupId"),
        ],
    )
    def test_are_what_the_command_line_of_aws_takes(
        self, resource: User | Group, kind: str, asked: str, path: str, member: str
    ) -> None:
        found, deleted = self.ran(command(resource, ADMIN, INSTANCE))
        region = ["--region", INSTANCE.region]
        attribute = {"UniqueAttribute": {"AttributePath": path, "AttributeValue": "ann"}}
        assert found == [
            *("identitystore", asked, *region, "--identity-store-id", INSTANCE.identity_store_id),
            *("--alternate-identifier", json.dumps(attribute)),
            *("--query", member, "--output", "text"),
        ]
        assert deleted == [
            *("sso-admin", "delete-account-assignment", *region),
            *("--instance-arn", INSTANCE.instance_arn, "--target-type", "AWS_ACCOUNT"),
            *("--target-id", ADMIN.account, "--permission-set-arn", ADMIN.arn),
            *("--principal-type", kind, "--principal-id", "ID"),
        ]

    def test_a_strange_arn_does_nothing_in_a_shell(self) -> None:
        strange = replace(ROOT, arn=f'{ROOT.arn}"$(touch owned)`x`\\ X+=,.@_/:-')
        _, _, listed, _ = self.ran(command(User(UserName("ann")), strange, INSTANCE))
        (chosen,) = [json.loads(one) for one in listed if one.startswith("{")]
        assert chosen["principalRole"]["roleArn"] == f"{ROOT.arn}touchownedxX+=,.@_/:-"

    def ran(self, text: str) -> list[list[str]]:
        """Return the arguments of each call of `aws` when a shell runs *text*."""
        stub = (
            "aws() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' \"$@\""
            " >> calls; echo ID; }\n"
        )
        script = f'cd "$(mktemp -d)"; {stub}{text}\ncat calls; ls'
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert "owned" not in done
        return [json.loads(line) for line in done if line.startswith("[")]

    @pytest.mark.parametrize("resource", [User(UserName(HOSTILE)), Group(GroupName(HOSTILE))])
    def test_of_permission_sets(self, resource: User | Group) -> None:
        found, deleted = self.ran(command(resource, ADMIN, INSTANCE))
        (attribute,) = [json.loads(one) for one in found if one.startswith("{")]
        assert attribute["UniqueAttribute"]["AttributeValue"] == HOSTILE
        assert deleted[:2] == ["sso-admin", "delete-account-assignment"]
        options = dict(zip(deleted[2::2], deleted[3::2], strict=True))
        assert options["--principal-id"] == "ID"
        assert options["--target-id"] == ADMIN.account
        assert options["--permission-set-arn"] == ADMIN.arn

    @pytest.mark.parametrize("resource", [User(UserName(HOSTILE)), Group(GroupName(HOSTILE))])
    def test_of_roles(self, resource: User | Group) -> None:
        found, _, listed, deleted = self.ran(command(resource, ROOT, INSTANCE))
        (attribute,) = [json.loads(one) for one in found if one.startswith("{")]
        assert attribute["UniqueAttribute"]["AttributeValue"] == HOSTILE
        (chosen,) = [json.loads(one) for one in listed if one.startswith("{")]
        member = "userId" if isinstance(resource, User) else "groupId"
        assert chosen["principalRole"] == {
            "principal": {"identityCenter": {member: "ID"}},
            "roleArn": ROOT.arn,
        }
        assert deleted[:2] == ["account-access", "delete-entitlement"]
