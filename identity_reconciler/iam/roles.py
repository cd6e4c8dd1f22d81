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
from collections.abc import Mapping
from dataclasses import dataclass

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
    resources: dict[str, object] = {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Condition": "MakeProvider",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"Url": f"https://{_ISSUER}", "ClientIdList": [_AUDIENCE]},
        }
    }
    provider = {"Fn::If": ["MakeProvider", {"Ref": "Provider"}, {"Ref": "OidcProviderArn"}]}
    for purpose, granted in policies.items():
        if len(json.dumps(granted, separators=(",", ":"))) > _LARGEST:
            raise UsageError(
                f"the policy for {purpose} is longer than the {_LARGEST} characters that IAM "
                "takes; protect groups by fewer patterns, or name applications by name"
            )
        resources[f"{purpose.title()}Role"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust(provider, workflows, purpose),
                "Description": f"identity-reconciler {purpose}, from {workflows.repository}",
                "MaxSessionDuration": _SECONDS[purpose],
                "Policies": [{"PolicyName": purpose.value, "PolicyDocument": granted}],
            },
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
        "Conditions": {"MakeProvider": {"Fn::Equals": [{"Ref": "OidcProviderArn"}, ""]}},
        "Resources": resources,
        "Outputs": {
            f"{purpose.title()}RoleArn": {
                "Description": f"For the variable IDENTITY_{purpose.upper()}_ROLE_ARN.",
                "Value": {"Fn::GetAtt": [f"{purpose.title()}Role", "Arn"]},
            }
            for purpose in policies
        },
    }
