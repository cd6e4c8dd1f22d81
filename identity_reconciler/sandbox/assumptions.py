"""What AWS does not document and nobody has published: one named switch for each assumption.

The defaults are the stricter or the more likely choice. A test that flips a switch shows what our
program does should AWS turn out to be otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExistingAssignment(StrEnum):
    """The answer to the creation of an assignment that exists."""

    SUCCESS = "success"
    """As if it had been created. Observed for applications: one published client of sso-admin."""
    CONFLICT = "conflict"
    """ConflictException. Observed: the same client treats it as "already there"."""


class IdentifierForm(StrEnum):
    """The form of new UserIds, GroupIds and MembershipIds; AWS has both. Documented: model."""

    UUID = "uuid"
    PREFIXED = "prefixed"
    """The store id without `d-`, a hyphen, a UUID."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """How the sandbox behaves where nothing is documented."""

    case_sensitive_names: bool = False
    """Whether `Alice` and `alice` are two user names (and e-mails, and group names).

    The SCIM schema declares them `caseExact: false`; the native API is silent.
    """
    unique_emails: bool = True
    """Whether a second user with an e-mail address is refused.

    The guide says addresses must be unique (users-groups-provisioning); no one quotes the error.
    """
    email_required: bool = False
    """Whether a user without an e-mail address is refused: guide and API model disagree."""
    reserved_names: bool = True
    """Whether `Administrator` and `AWSAdministrators` are refused as ValidationException.

    That they are reserved is documented (API_CreateUser, API_CreateGroup); the error is assumed,
    and that case does not matter.
    """
    cascade_memberships: bool = True
    """Whether memberships vanish with their user or group."""
    unknown_list_subject: bool = True
    """Whether listing the memberships of an unknown group or user is ResourceNotFoundException."""
    rename_users: bool = True
    """Whether UpdateUser may change userName.

    The console cannot (addusers); IAM's sso-directory:UpdateUserName and SCIM say it can.
    """
    clear_required: bool = False
    """Whether UpdateUser may remove userName, displayName, name.givenName or name.familyName."""
    membership_bumps_revision: bool = False
    """Whether adding or removing a member changes the Revision of the user and the group."""
    existing_assignment: ExistingAssignment = ExistingAssignment.SUCCESS
    missing_assignment_is_error: bool = True
    """Whether deleting an assignment that is not there is ResourceNotFoundException.

    The model lists the error and Terraform swallows it.
    """
    principal_must_exist: bool = True
    """Whether creating an assignment checks that its principal is in the identity store."""
    assignments_through_groups: bool = False
    """Whether ListApplicationAssignmentsForPrincipal includes what a user has through groups."""
    write_outside_primary_region: bool = False
    """Whether the Identity Store takes writes in an additional Region.

    Documented: it does not (use-cases-across-regions); the error is assumed.
    """
    unchanged_update_bumps_revision: bool = True
    """Whether an update that changes nothing still makes a new Revision."""
    unknown_instance_is_denied: bool = True
    """Whether an unknown instance is AccessDeniedException, or else ValidationException.

    Observed for a deleted instance (API_DescribeInstance); the operations concerned have no
    ResourceNotFoundException.
    """
    orphan_can_be_unassigned: bool = True
    """Whether DeleteApplicationAssignment works for a principal that is gone, or is
    ResourceNotFoundException."""
    assignment_configuration_always_readable: bool = False
    """Whether GetApplicationAssignmentConfiguration works where Put is refused."""
    disabled_applications_take_assignments: bool = True
    """Whether assignments can be made while an application's Status is DISABLED."""
    deleted_application_loses_assignments: bool = True
    """Whether assignments go with their application, so that they are no longer listed for their
    principals."""
    unique_permission_set_names: bool = True
    """Whether a second permission set with a name is ConflictException.

    Observed: avlcloudtechnologies/terraform-aws-sso issue 6, with this text.
    """
    update_clears_relay_state: bool = True
    """Whether UpdatePermissionSet without a RelayState removes it.

    Observed: terraform-provider-aws issue 17411. Everything else that is not given stays.
    """
    missing_inline_policy_is_empty: bool = True
    """Whether GetInlinePolicyForPermissionSet answers an empty text where there is no policy.

    Observed: published responses. The model has a minimum of 1: without the switch it is absent.
    """
    missing_policy_is_error: bool = True
    """Whether taking a policy away that a permission set does not have is
    ResourceNotFoundException."""
    existing_account_assignment: ExistingAssignment = ExistingAssignment.SUCCESS
    missing_account_assignment_is_error: bool = True
    """Whether deleting an account assignment that is not there is ResourceNotFoundException."""
    last_assignment_deprovisions: bool = True
    """Whether a permission set leaves an account with its last assignment there."""
    provisioning_needs_an_assignment: bool = True
    """Whether provisioning a permission set to an account without an assignment of it fails.

    Observed: terraform-provider-aws issue 35158, status FAILED with this reason.
    """
    provisioning_names_its_account: bool = True
    """Whether ProvisionPermissionSet to AWS_ACCOUNT is refused without a TargetId.

    Otherwise the caller's account is meant.
    """
    account_must_exist: bool = True
    """Whether lists refuse an account that is not in the organisation as
    ResourceNotFoundException; creating an assignment always does."""
    account_access_through_groups: bool = True
    """Whether ListAccountAssignmentsForPrincipal includes what a user has through groups.

    "The accounts that the principal has access to" (API page); every item names its principal.
    """
    cascade_entitlements: bool = False
    """Whether entitlements of account access manager vanish with their user or group.

    Account assignments and application assignments stay; of entitlements nothing is said.
    """
    entitlements_are_assignments: bool = False
    """Whether who has an entitlement is assigned to the application that account access manager
    made in IAM Identity Center.

    It needs no permission for CreateApplicationAssignment (IAM userguide, aam-security).
    """
    entitlements_through_groups: bool = False
    """Whether ListEntitlements of a user includes what the user has through groups."""
    entitled_principal_must_exist: bool = True
    """Whether creating an entitlement checks that its principal is in the identity store."""
    entitled_account_must_exist: bool = True
    """Whether creating an entitlement checks that the account of its role is in the organisation.

    "AWS accounts in your organization" (IAM userguide, account-access-manager); the error is
    assumed.
    """
    access_manager_tags_must_match: bool = True
    """Whether CreateApplication of account access manager is AlreadyCreatedException where the
    application has other tags than the request.

    "With the same parameters returns the existing application" (API page).
    """
    identifier_form: IdentifierForm = IdentifierForm.UUID
