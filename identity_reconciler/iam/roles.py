"""The IAM roles that workflows on GitHub take: whom they trust, and a template that makes them.

Source: docs.github.com, "OpenID Connect reference". Repositories made or renamed since July 2026
are named in the subject with the numbers of owner and repository, OWNER@123/NAME@456. Source:
github.blog, changelog 2026-04-23. Since January 2026 STS also checks what else a token of GitHub
says: `job_workflow_ref`, `ref`, `repository_id` and more. Source: AWS, "AWS STS supports validation
of select identity provider specific claims".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.iam.policies import Policy, RunPurpose

_ISSUER = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"
_NAME = r"\w[\w.-]*"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}|{_NAME}@\d+/{_NAME}@\d+", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,19}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*", re.ASCII)
_LARGEST = 10_240
"""Characters of the inline policies of a role, white space not counted. Source: IAM quotas."""
_SECONDS: Mapping[RunPurpose, int] = {Purpose.PLAN: 3600, Purpose.APPLY: 7200, Purpose.EXPIRE: 3600}
"""How long a session may last."""
_FILES: Mapping[RunPurpose, tuple[str, ...]] = {
    Purpose.PLAN: ("plan-pull-request.yml", "apply.yml", "drift.yml"),
    Purpose.APPLY: ("apply.yml",),
    Purpose.EXPIRE: ("expire.yml",),
}
"""The workflows whose jobs take a role."""


@dataclass(frozen=True, slots=True)
class Workflows:
    """Where the workflows are that may take the roles."""

    repository: str
    """OWNER/NAME, or OWNER@ID/NAME@ID, as GitHub writes it into the subject of its tokens."""
    repository_id: str
    """Its number, which neither a rename nor a new repository of the old name takes over."""
    branch: str = "main"
    environments: tuple[str, str] = ("identity", "identity-expire")
    """Of the jobs that apply and that expire."""

    def __post_init__(self) -> None:
        if not _REPOSITORY.fullmatch(self.repository):
            raise UsageError(
                f"{self.repository} is no repository; expected OWNER/NAME, or OWNER@ID/NAME@ID, "
                "without any wildcard"
            )
        named = self.repository.rpartition("@")[2] if "@" in self.repository else None
        if not _NUMBER.fullmatch(self.repository_id) or named not in {None, self.repository_id}:
            raise UsageError(
                f"expected the number of {self.repository} as --repository-id, because its name "
                "may come to belong to another repository; "
                "`gh api repos/OWNER/NAME --jq .id` prints it"
            )
        for name in (self.branch, *self.environments):
            if not _WORD.fullmatch(name):
                raise UsageError(
                    f"{name} cannot stand in a trust policy; expected letters, digits, `.`, `_`, "
                    "`/` and `-`"
                )

    def of_instance(self, name: str) -> Workflows:
        """Return the same for the one of several instances whose directory is called *name*."""
        return replace(self, environments=(f"identity-{name}", f"identity-expire-{name}"))

    def subjects(self, purpose: RunPurpose) -> list[str]:
        """Return exactly what the tokens of the jobs for *purpose* say that they are."""
        apply, expire = self.environments
        ends: Mapping[RunPurpose, list[str]] = {
            Purpose.PLAN: ["pull_request", f"ref:refs/heads/{self.branch}"],
            Purpose.APPLY: [f"environment:{apply}"],
            Purpose.EXPIRE: [f"environment:{expire}"],
        }
        return [f"repo:{self.repository}:{end}" for end in ends[purpose]]

    def claims(self, purpose: RunPurpose) -> dict[str, str | list[str]]:
        """Return what a token has to say for *purpose*, each claim with the values it may have.

        The workflow is one of the branch, so that nothing that a pull request changes in workflows
        counts before it is merged. A plan is made for pull requests too, whose `ref` nobody knows
        before: there the subject says which kind of event it is.
        """
        name = re.sub(r"@\d+", "", self.repository)
        ref = f"refs/heads/{self.branch}"
        wanted: dict[str, str | list[str]] = {
            "aud": _AUDIENCE,
            "sub": self.subjects(purpose),
            "repository_id": self.repository_id,
            "job_workflow_ref": [
                f"{name}/.github/workflows/{file}@{ref}" for file in _FILES[purpose]
            ],
        }
        return wanted if purpose is Purpose.PLAN else {**wanted, "ref": ref}


def trust(provider: object, workflows: Workflows, purpose: RunPurpose) -> Policy:
    """Return the trust policy of a role; *provider* is the ARN of GitHub's OIDC provider."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{_ISSUER}:{claim}": wanted
                        for claim, wanted in workflows.claims(purpose).items()
                    }
                },
            }
        ],
    }


def provider_arn(partition: str, account: str) -> str:
    """Return the ARN of GitHub's OIDC provider in *account*."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{_ISSUER}"


def template(policies: Mapping[RunPurpose, Policy], workflows: Workflows) -> dict[str, object]:
    """Return a CloudFormation template that makes the roles with *policies*.

    Raises:
        UsageError: A policy is longer than IAM takes.
    """
    return _template([InstanceRoles("", "", "", policies, workflows)])


@dataclass(frozen=True, slots=True)
class InstanceRoles:
    """The roles of one of several instances, which are made in its account alone."""

    name: str
    account: str
    store: str
    """The id of its identity store, which no other instance has."""
    policies: Mapping[RunPurpose, Policy]
    workflows: Workflows

    @property
    def key(self) -> str:
        """What its logical ids begin with: letters and digits, the same whatever it is called."""
        return re.sub("[^A-Za-z0-9]", "", self.store.title())


def template_of_all(instances: Sequence[InstanceRoles]) -> dict[str, object]:
    """Return one template for the accounts of all *instances*, as a StackSet deploys it.

    In each account it makes the roles of the instances there, and in others none.

    Raises:
        UsageError: A policy is longer than IAM takes, or there is more than a template takes.
    """
    made = _template(instances)
    size = len(json.dumps(made))
    outputs = sum(len(one.policies) for one in instances)
    if outputs > _MOST_OUTPUTS or size > _MOST_BYTES:
        raise UsageError(
            f"one template for {len(instances)} instances is more than CloudFormation takes "
            f"({_MOST_OUTPUTS} outputs, {_MOST_BYTES:,} bytes); make one for some of them"
        )
    return made


def _template(instances: Sequence[InstanceRoles]) -> dict[str, object]:
    resources: dict[str, object] = {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Condition": "MakeProvider",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"Url": f"https://{_ISSUER}", "ClientIdList": [_AUDIENCE]},
        }
    }
    conditions: dict[str, object] = {
        "MakeProvider": {"Fn::Equals": [{"Ref": "OidcProviderArn"}, ""]}
    }
    outputs: dict[str, object] = {}
    for one in instances:
        only = {"Condition": f"In{one.key}"} if one.account else {}
        if one.account:
            here = {"Fn::Equals": [{"Ref": "AWS::AccountId"}, one.account]}
            conditions[f"In{one.key}"] = here
        of = f" of {one.name}" if one.name else ""
        for purpose, granted in one.policies.items():
            role = f"{one.key}{purpose.title()}Role"
            resources[role] = {**_role(purpose, granted, one.workflows), **only}
            outputs[f"{role}Arn"] = {
                "Description": f"For the variable IDENTITY_{purpose.upper()}_ROLE_ARN{of}.",
                "Value": {"Fn::GetAtt": [role, "Arn"]},
                **only,
            }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The roles that the workflows of identity-reconciler take.",
        "Parameters": {
            "OidcProviderArn": {
                "Type": "String",
                "Default": "",
                "Description": "GitHub's OIDC provider, if the account has it; empty makes one.",
            }
        },
        "Conditions": conditions,
        "Resources": resources,
        "Outputs": outputs,
    }


def _role(purpose: RunPurpose, granted: Policy, workflows: Workflows) -> dict[str, object]:
    if len(json.dumps(granted, separators=(",", ":"))) > _LARGEST:
        raise UsageError(
            f"the policy for {purpose} is longer than the {_LARGEST} characters that IAM "
            "takes; protect groups by fewer patterns, or name applications by name"
        )
    provider = {"Fn::If": ["MakeProvider", {"Ref": "Provider"}, {"Ref": "OidcProviderArn"}]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": trust(provider, workflows, purpose),
            "Description": f"identity-reconciler {purpose}, from {workflows.repository}",
            "MaxSessionDuration": _SECONDS[purpose],
            "Policies": [{"PolicyName": purpose.value, "PolicyDocument": granted}],
        },
    }


_MOST_OUTPUTS = 200
_MOST_BYTES = 1_000_000
"""Of a template. Source: AWSCloudFormation userguide, cloudformation-limits."""
