"""Each assumption is a switch: flipped, the sandbox behaves the other way and no other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import (
    Assumptions,
    ExistingAssignment,
    IdentifierForm,
)

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
ACCOUNT = "123456789012"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass
class Clients:
    """A sandbox and its clients."""

    sandbox: Sandbox
    store: Any
    admin: Any

    @functools.cached_property
    def access(self) -> Any:  # noqa: ANN401 - a client, made where it is needed
        """The client of account access manager."""
        return self.sandbox.session().client("account-access")

    def user(self, name: str, **attributes: object) -> str:
        """Create a user and return its id."""
        created = self.store.create_user(
            IdentityStoreId=STORE,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": name, "FamilyName": "Doe"},
            **attributes,
        )
        return str(created["UserId"])

    def group(self, name: str) -> str:
        """Create a group and return its id."""
        return str(self.store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"])

    def join(self, group: str, user: str) -> None:
        """Make a user a member."""
        self.store.create_group_membership(
            IdentityStoreId=STORE, GroupId=group, MemberId={"UserId": user}
        )

    def permission_set(self) -> dict[str, Any]:
        """Return the key of the permission set Reader, made if it is not there."""
        listed = self.admin.list_permission_sets(InstanceArn=INSTANCE)["PermissionSets"]
        if not listed:
            made = self.admin.create_permission_set(InstanceArn=INSTANCE, Name="Reader")
            listed = [made["PermissionSet"]["PermissionSetArn"]]
        return {"InstanceArn": INSTANCE, "PermissionSetArn": listed[0]}

    def given(self) -> dict[str, Any]:
        """Return an account assignment of the group data, made if it is not there."""
        listed = self.store.list_groups(IdentityStoreId=STORE)["Groups"]
        return {
            **self.permission_set(),
            "TargetId": ACCOUNT,
            "TargetType": "AWS_ACCOUNT",
            "PrincipalType": "GROUP",
            "PrincipalId": listed[0]["GroupId"] if listed else self.group("data"),
        }

    def manager(self, **tags: str) -> str:
        """Return the ARN of account access manager, made if it is not there."""
        source = {"identityCenter": {"instanceArn": INSTANCE}}
        answer = self.access.create_application(identitySource=source, tags=tags)
        return str(answer["applicationArn"])

    def entitle(self, member: str, principal: str, account: str = ACCOUNT) -> str:
        """Entitle a principal to a role of an account and return the application."""
        arn = self.manager()
        entitlement = {
            "principal": {"identityCenter": {member: principal}},
            "roleArn": f"arn:aws:iam::{account}:role/Reader",
        }
        self.access.create_entitlement(
            applicationArn=arn, entitlement={"principalRole": entitlement}
        )
        return arn

    def update(self, user: str, path: str, value: object) -> str:
        """Update one attribute and return the new revision."""
        answer = self.store.update_user(
            IdentityStoreId=STORE,
            UserId=user,
            Operations=[{"AttributePath": path, "AttributeValue": value}],
        )
        return str(answer["Revision"])

    def assigned(self, kind: str = "GROUP") -> dict[str, Any]:
        """Assign a new user or group to an application and return the assignment."""
        principal = self.group("assigned") if kind == "GROUP" else self.user("assigned")
        key = {
            "ApplicationArn": self.sandbox.add_application("Portal"),
            "PrincipalId": principal,
            "PrincipalType": kind,
        }
        self.admin.create_application_assignment(**key)
        return key


def two_cases(on: Clients) -> object:
    on.user("alice")
    return on.user("ALICE")


def two_emails(on: Clients) -> object:
    on.user("alice", Emails=[{"Value": "a@x.io"}])
    return on.user("bob", Emails=[{"Value": "a@x.io"}])


def left_members(on: Clients) -> object:
    user, group = on.user("alice"), on.group("data")
    on.join(group, user)
    on.store.delete_user(IdentityStoreId=STORE, UserId=user)
    listed = on.store.list_group_memberships(IdentityStoreId=STORE, GroupId=group)
    return len(listed["GroupMemberships"])


def unknown_list(on: Clients) -> object:
    return on.store.list_group_memberships(IdentityStoreId=STORE, GroupId=NOWHERE)


def revision_of_a_joined_user(on: Clients) -> object:
    user, group = on.user("alice"), on.group("data")
    before = on.store.describe_user(IdentityStoreId=STORE, UserId=user)["Revision"]
    on.join(group, user)
    return on.store.describe_user(IdentityStoreId=STORE, UserId=user)["Revision"] != before


def revision_of_nothing(on: Clients) -> object:
    user = on.user("alice")
    before = on.store.describe_user(IdentityStoreId=STORE, UserId=user)["Revision"]
    return on.update(user, "displayName", "alice") != before


def assigned_twice(on: Clients) -> object:
    return on.admin.create_application_assignment(**on.assigned())


def unassigned_twice(on: Clients) -> object:
    key = on.assigned()
    on.admin.delete_application_assignment(**key)
    return on.admin.delete_application_assignment(**key)


def unassigned_orphan(on: Clients) -> object:
    key = on.assigned()
    on.store.delete_group(IdentityStoreId=STORE, GroupId=key["PrincipalId"])
    return on.admin.delete_application_assignment(**key)


def assigned_nobody(on: Clients) -> object:
    return on.admin.create_application_assignment(
        ApplicationArn=on.sandbox.add_application("Portal"),
        PrincipalId=NOWHERE,
        PrincipalType="USER",
    )


def through_groups(on: Clients) -> object:
    key, user = on.assigned(), on.user("alice")
    on.join(key["PrincipalId"], user)
    listed = on.admin.list_application_assignments_for_principal(
        InstanceArn=INSTANCE, PrincipalId=user, PrincipalType="USER"
    )
    return len(listed["ApplicationAssignments"])


def written_elsewhere(on: Clients) -> object:
    replica: Any = on.sandbox.session(region="eu-west-1").client("identitystore")
    return replica.create_group(IdentityStoreId=STORE, DisplayName="data")


def unknown_instance(on: Clients) -> object:
    try:
        on.admin.describe_instance(InstanceArn=f"{INSTANCE[:-4]}0000")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def read_configuration(on: Clients) -> object:
    arn = on.sandbox.add_application("AWS Client VPN")
    return on.admin.get_application_assignment_configuration(ApplicationArn=arn)


def assigned_to_a_disabled_one(on: Clients) -> object:
    arn = on.sandbox.add_application("Portal")
    on.admin.update_application(ApplicationArn=arn, Status="DISABLED")
    return on.assigned()


def left_assignments(on: Clients) -> object:
    key = on.assigned()
    on.admin.delete_application(ApplicationArn=key["ApplicationArn"])
    listed = on.admin.list_application_assignments_for_principal(
        InstanceArn=INSTANCE, PrincipalId=key["PrincipalId"], PrincipalType="GROUP"
    )
    return len(listed["ApplicationAssignments"])


def two_permission_sets(on: Clients) -> object:
    on.admin.create_permission_set(InstanceArn=INSTANCE, Name="Reader")
    return on.admin.create_permission_set(InstanceArn=INSTANCE, Name="Reader")


def renewed_relay_state(on: Clients) -> object:
    made = on.admin.create_permission_set(
        InstanceArn=INSTANCE, Name="Reader", RelayState="https://example.com"
    )
    key = {"InstanceArn": INSTANCE, "PermissionSetArn": made["PermissionSet"]["PermissionSetArn"]}
    on.admin.update_permission_set(**key, Description="Reads")
    return "RelayState" in on.admin.describe_permission_set(**key)["PermissionSet"]


def no_inline_policy(on: Clients) -> object:
    return "InlinePolicy" in on.admin.get_inline_policy_for_permission_set(**on.permission_set())


def detached_nothing(on: Clients) -> object:
    return on.admin.delete_inline_policy_from_permission_set(**on.permission_set())


def given_twice(on: Clients) -> object:
    on.admin.create_account_assignment(**on.given())
    return on.admin.create_account_assignment(**on.given())


def taken_twice(on: Clients) -> object:
    key = on.given()
    on.admin.create_account_assignment(**key)
    on.admin.delete_account_assignment(**key)
    return on.admin.delete_account_assignment(**key)


def left_account(on: Clients) -> object:
    key = on.given()
    on.admin.create_account_assignment(**key)
    on.admin.delete_account_assignment(**key)
    in_accounts = on.admin.list_accounts_for_provisioned_permission_set(**on.permission_set())
    return len(in_accounts["AccountIds"])


def provisioned_for_nobody(on: Clients) -> object:
    key = on.permission_set()
    begun = on.admin.provision_permission_set(**key, TargetType="AWS_ACCOUNT", TargetId=ACCOUNT)
    done = on.admin.describe_permission_set_provisioning_status(
        InstanceArn=INSTANCE,
        ProvisionPermissionSetRequestId=begun["PermissionSetProvisioningStatus"]["RequestId"],
    )
    return bool(done["PermissionSetProvisioningStatus"]["Status"] == "FAILED")


def provisioned_somewhere(on: Clients) -> object:
    on.admin.create_account_assignment(**on.given())
    return on.admin.provision_permission_set(**on.permission_set(), TargetType="AWS_ACCOUNT")


def lists_of_no_account(on: Clients) -> object:
    on.admin.list_account_assignments(**on.permission_set(), AccountId="999999999999")
    return on.admin.list_permission_sets_provisioned_to_account(
        InstanceArn=INSTANCE, AccountId="999999999999"
    )


def account_through_a_group(on: Clients) -> object:
    key, user = on.given(), on.user("alice")
    on.join(key["PrincipalId"], user)
    on.admin.create_account_assignment(**key)
    listed = on.admin.list_account_assignments_for_principal(
        InstanceArn=INSTANCE, PrincipalId=user, PrincipalType="USER"
    )
    return len(listed["AccountAssignments"])


def left_entitlements(on: Clients) -> object:
    # What another user has stays either way.
    arn, user = on.entitle("userId", on.user("bob")), on.user("alice")
    on.entitle("userId", user)
    on.store.delete_user(IdentityStoreId=STORE, UserId=user)
    return len(on.access.list_entitlements(applicationArn=arn, filter={})["entitlements"])


def entitled_and_assigned(on: Clients) -> object:
    # The first group has two entitlements: only the second one to go takes the assignment along.
    on.sandbox.add_account("222233334444", "Other")
    first, second = on.group("data"), on.group("web")
    arn = on.entitle("groupId", first)
    on.entitle("groupId", first, "222233334444")
    on.entitle("groupId", second)
    made = on.access.get_application(applicationArn=arn)["identitySource"]["identityCenter"]
    of = {"ApplicationArn": made["applicationArn"]}
    counts = []
    for entitled in on.access.list_entitlements(applicationArn=arn, filter={})["entitlements"]:
        counts.append(len(on.admin.list_application_assignments(**of)["ApplicationAssignments"]))
        on.access.delete_entitlement(applicationArn=arn, entitlementId=entitled["entitlementId"])
    assert on.admin.list_application_assignments(**of)["ApplicationAssignments"] == []
    assert counts in ([0, 0, 0], [2, 2, 1])
    return counts[0]


def entitled_through_a_group(on: Clients) -> object:
    user, group = on.user("alice"), on.group("data")
    on.join(group, user)
    wanted = {"principalRole": {"principal": {"identityCenter": {"userId": user}}}}
    arn = on.entitle("groupId", group)
    return len(on.access.list_entitlements(applicationArn=arn, filter=wanted)["entitlements"])


def entitled_elsewhere(on: Clients) -> object:
    arn = on.entitle("userId", on.user("alice"), "999999999999")
    (listed,) = on.access.list_entitlements(applicationArn=arn, filter={})["entitlements"]
    # What is not in the organisation has no name.
    return "accountName" in listed["entitlement"]["principalRole"]


def other_tags(on: Clients) -> object:
    on.manager(team="data")
    return on.manager(team="web")


REFUSED = "refused"
# What is done, and what comes of it by default and with the switch the other way. None: it works.
SWITCHES: dict[str, tuple[Callable[[Clients], object], object, object]] = {
    "case_sensitive_names": (two_cases, REFUSED, None),
    "unique_emails": (two_emails, REFUSED, None),
    "email_required": (lambda on: on.user("alice"), None, REFUSED),
    "reserved_names": (lambda on: on.group("administrator"), REFUSED, None),
    "cascade_memberships": (left_members, 0, 1),
    "unknown_list_subject": (unknown_list, REFUSED, None),
    "rename_users": (lambda on: on.update(on.user("alice"), "userName", "bob"), None, REFUSED),
    "clear_required": (
        lambda on: on.update(on.user("alice"), "displayName", None),
        REFUSED,
        None,
    ),
    "membership_bumps_revision": (revision_of_a_joined_user, False, True),
    "unchanged_update_bumps_revision": (revision_of_nothing, True, False),
    "existing_assignment": (assigned_twice, None, REFUSED),
    "missing_assignment_is_error": (unassigned_twice, REFUSED, None),
    "orphan_can_be_unassigned": (unassigned_orphan, None, REFUSED),
    "principal_must_exist": (assigned_nobody, REFUSED, None),
    "assignments_through_groups": (through_groups, 0, 1),
    "write_outside_primary_region": (written_elsewhere, REFUSED, None),
    "unknown_instance_is_denied": (
        unknown_instance,
        "AccessDeniedException",
        "ValidationException",
    ),
    "assignment_configuration_always_readable": (read_configuration, REFUSED, None),
    "disabled_applications_take_assignments": (assigned_to_a_disabled_one, None, REFUSED),
    "deleted_application_loses_assignments": (left_assignments, 0, 1),
    "unique_permission_set_names": (two_permission_sets, REFUSED, None),
    "update_clears_relay_state": (renewed_relay_state, False, True),
    "missing_inline_policy_is_empty": (no_inline_policy, True, False),
    "missing_policy_is_error": (detached_nothing, REFUSED, None),
    "existing_account_assignment": (given_twice, None, REFUSED),
    "missing_account_assignment_is_error": (taken_twice, REFUSED, None),
    "last_assignment_deprovisions": (left_account, 0, 1),
    "provisioning_needs_an_assignment": (provisioned_for_nobody, True, False),
    "provisioning_names_its_account": (provisioned_somewhere, REFUSED, None),
    "account_must_exist": (lists_of_no_account, REFUSED, None),
    "account_access_through_groups": (account_through_a_group, 1, 0),
    "cascade_entitlements": (left_entitlements, 2, 1),
    "entitlements_are_assignments": (entitled_and_assigned, 0, 2),
    "entitlements_through_groups": (entitled_through_a_group, 0, 1),
    "entitled_principal_must_exist": (lambda on: on.entitle("userId", NOWHERE), REFUSED, None),
    "entitled_account_must_exist": (entitled_elsewhere, REFUSED, False),
    "access_manager_tags_must_match": (other_tags, REFUSED, None),
    "identifier_form": (lambda on: on.user("alice").startswith("1234567890-"), False, True),
}
FLIPPED: dict[str, object] = {
    "existing_assignment": ExistingAssignment.CONFLICT,
    "existing_account_assignment": ExistingAssignment.CONFLICT,
    "identifier_form": IdentifierForm.PREFIXED,
}


def outcome(assumptions: Assumptions, action: Callable[[Clients], object]) -> object:
    """Return what comes of *action*: "refused", a fact, or None when it just works."""
    with Sandbox.assuming(assumptions) as sandbox:
        sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1",)))
        session = sandbox.session()
        clients = Clients(sandbox, session.client("identitystore"), session.client("sso-admin"))
        try:
            result = action(clients)
        except ClientError:
            return REFUSED
    return result if isinstance(result, bool | int) or result in _CODES else None


_CODES = ("AccessDeniedException", "ValidationException")


class TestSwitches:
    """There is a test for every switch, in both positions."""

    def test_all_are_here(self) -> None:
        assert set(SWITCHES) == {field.name for field in fields(Assumptions)}

    @pytest.mark.parametrize("name", SWITCHES)
    def test_both_positions(self, name: str) -> None:
        action, usual, flipped = SWITCHES[name]
        default: Any = getattr(Assumptions(), name)
        changed: dict[str, Any] = {name: FLIPPED.get(name, not default)}
        assert outcome(Assumptions(), action) == usual
        assert outcome(Assumptions(**changed), action) == flipped
