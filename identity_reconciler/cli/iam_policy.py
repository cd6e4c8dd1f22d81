"""`iam-policy`: the least that a role must be allowed. No AWS."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.help import Commands
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.iam.policies import Policy, PolicyFacts, RunPurpose
    from identity_reconciler.iam.roles import Workflows

app = Commands("Print the IAM policies that this program needs.")


@app.callback()
def iam_policy() -> None:
    """Print the IAM policies that this program needs."""


@app.command()
def audit(
    role: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For the role that audits: the role to assume."),
    ] = None,
    member: Annotated[
        bool, typer.Option("--member", help="For the role that is assumed in each account.")
    ] = False,
) -> None:
    """Print what the auditing role (--role) or the role in each account (--member) needs."""
    import json

    from identity_reconciler.iam.audit import member_policy, reading_policy

    if member == (role is not None):
        raise UsageError(
            "give either --role NAME, for the role that audits and assumes NAME in each account, "
            "or --member, for that role itself"
        )
    policy = member_policy() if role is None else reading_policy(role)
    typer.echo(json.dumps(policy, indent=2))


_KEY = re.compile(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+", re.ASCII)
KmsKey = Annotated[
    str | None,
    typer.Option(metavar="ARN", help="The customer managed key of the instance, if it has one."),
]
Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Look up the ids of protected groups, to deny what touches them, and of the lease.",
    ),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Print whom the role trusts instead; see --repository.")
]
Repository = Annotated[
    str | None,
    typer.Option(
        metavar="OWNER/NAME",
        help="The repository on GitHub; OWNER@ID/NAME@ID if made or renamed since July 2026.",
    ),
]
RepositoryId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Its number, as `gh api repos/OWNER/NAME --jq .id` prints it; not needed with "
        "OWNER@ID/NAME@ID.",
    ),
]
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
ApplicationAccounts = Annotated[
    list[str] | None,
    typer.Option(
        "--application-account",
        metavar="ID",
        help="For the role of a team: it may assign applications of this account, and write no "
        "users, groups or memberships. May be given again.",
    ),
]
Branch = Annotated[str, typer.Option(help="The branch that is applied.")]


@app.command("plan")
def plan_policy(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    kms_key: KmsKey = None,
    trust: Trust = False,
    repository: Repository = None,
    repository_id: RepositoryId = None,
    branch: Branch = "main",
) -> None:
    """Print what a role that plans needs: it reads one instance, and is denied every write."""
    from identity_reconciler.cli.loading import load_one
    from identity_reconciler.gateway.wire.operations import Purpose

    declared = load_one(directory)
    if trust:
        _print_trust(declared, _workflows(repository, repository_id, branch), Purpose.PLAN)
    else:
        _print_policy(declared, Purpose.PLAN, _facts(declared, kms_key, None, wanted=False))


@app.command("apply")
def apply_policy(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    only_expired: Annotated[
        bool, typer.Option("--only-expired", help="For a role that only removes what has expired.")
    ] = False,
    live: Live = False,
    application_account: ApplicationAccounts = None,
    kms_key: KmsKey = None,
    trust: Trust = False,
    repository: Repository = None,
    repository_id: RepositoryId = None,
    environment: Annotated[
        str | None,
        typer.Option(help="The environment of the job. Default: identity, or identity-expire."),
    ] = None,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
) -> None:
    """Print what a role that applies needs; it is denied what touches protected groups."""
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.loading import load_one
    from identity_reconciler.gateway.wire.operations import Purpose

    declared = load_one(directory)
    accounts = _accounts(declared, application_account or [])
    purpose: RunPurpose = Purpose.EXPIRE if only_expired else Purpose.APPLY
    if trust:
        _print_trust(declared, _workflows(repository, repository_id, "main", environment), purpose)
    else:
        facts = _facts(
            declared,
            kms_key,
            Target(sandbox, endpoint_url, parse_rates(rate), profile=profile) if live else None,
        )
        _print_policy(declared, purpose, _of_team(declared, facts, accounts))


@app.command()
def cloudformation(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    repository: Repository = None,
    repository_id: RepositoryId = None,
    branch: Branch = "main",
    whole: Annotated[
        bool,
        typer.Option(
            "--all",
            help="One template for all instances in the directory, as a StackSet deploys it: in "
            "each account the roles of its own. Their environments are identity-NAME and "
            "identity-expire-NAME, after their directories.",
        ),
    ] = False,
    live: Live = False,
    application_account: ApplicationAccounts = None,
    kms_key: KmsKey = None,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
) -> None:
    """Print a template that makes the roles of the workflows on GitHub: plan, apply, expire."""
    import sys

    from ruamel.yaml import YAML

    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.loading import load_all, load_one
    from identity_reconciler.desired.reading.loader import instance_directories
    from identity_reconciler.iam.policies import RUN_PURPOSES, policy
    from identity_reconciler.iam.roles import InstanceRoles, template, template_of_all

    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile) if live else None

    def policies(declared: Declared) -> dict[RunPurpose, Policy]:
        accounts = _accounts(declared, application_account or [])
        facts = _of_team(declared, _facts(declared, kms_key, target), accounts)
        return {purpose: policy(declared, purpose, facts) for purpose in RUN_PURPOSES}

    workflows = _workflows(repository, repository_id, branch)
    if whole and (application_account or kms_key):
        raise UsageError("--application-account and --kms-key are about one instance, not --all")
    if whole:
        pairs = zip(instance_directories(directory), load_all(directory), strict=True)
        made = template_of_all(
            [
                InstanceRoles(
                    declared.settings.instance.name,
                    declared.settings.instance.account_id,
                    declared.settings.instance.identity_store_id,
                    policies(declared),
                    workflows.of_instance(place.resolve().name),
                )
                for place, declared in pairs
            ]
        )
    else:
        made = template(policies(load_one(directory)), workflows)
    writer = YAML()
    writer.width = 100
    # CloudFormation takes no aliases.
    writer.representer.ignore_aliases = lambda _: True
    writer.dump(made, sys.stdout)


def _workflows(
    repository: str | None, number: str | None, branch: str, environment: str | None = None
) -> Workflows:
    from identity_reconciler.iam.roles import Workflows

    if repository is None:
        raise UsageError("give --repository OWNER/NAME: only its workflows may take the role")
    number = number or repository.partition("/")[2].partition("@")[2]
    if environment is None:
        return Workflows(repository, number, branch)
    return Workflows(repository, number, branch, (environment, environment))


def _accounts(declared: Declared, given: list[str]) -> tuple[str, ...]:
    """Return the accounts whose applications a team's role may assign, as they are *given*.

    Raises:
        UsageError: One is no account, or the YAML names an application of another one.
    """
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.declared import ManageObjects, Presence

    for one in given:
        if not _ACCOUNT.fullmatch(one):
            raise UsageError(f"--application-account {one}: expected the 12 digits of an account")
    if not given:
        return ()
    for application in declared.applications:
        selector = application.selector
        account = selector.arn.split(":")[4] if selector.arn else selector.account
        if account is not None and account not in given:
            raise UsageError(
                f"{application.position}: application {selector} is of account {account}; add "
                f"--application-account {account}, or take it out of this repository"
            )
    kinds = (("users", declared.users), ("groups", declared.groups))
    written = [
        kind
        for kind, entries in kinds
        if getattr(declared.settings, kind) is not ManageObjects.REFERENCE
        and any(one.presence is not Presence.EXTERNAL for one in entries)
    ]
    if written:
        note(
            f"this role cannot write the {' and '.join(written)} that the YAML declares; give them "
            "state: external"
        )
    return tuple(sorted(set(given)))


def _of_team(declared: Declared, facts: PolicyFacts, accounts: tuple[str, ...]) -> PolicyFacts:
    """Return *facts* about the role of a team with *accounts*; say where it can do too much."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.lease import DIRECTORY

    if accounts and facts.lease is None and declared.settings.lock == DIRECTORY:
        note(
            "which group keeps the lease is known to AWS only, and not before the first apply: "
            "until then this role can rename and describe any group. Print it again with --live "
            "after that"
        )
    return replace(facts, accounts=accounts)


def _facts(
    declared: Declared, kms_key: str | None, target: Target | None, *, wanted: bool = True
) -> PolicyFacts:
    """Return what AWS knows; without a *target* nobody is asked, and what is missing is told.

    What is protected is not *wanted* for a role that writes nothing.
    """
    from identity_reconciler.cli.connection import connected_for
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.scope import matches_any
    from identity_reconciler.iam.policies import PolicyFacts

    if kms_key is not None and not _KEY.fullmatch(kms_key):
        raise UsageError(f"--kms-key {kms_key}: expected arn:aws:kms:REGION:ACCOUNT:key/ID")
    names = declared.settings.guards.protected
    if not wanted or (target is None and not (names.groups or names.users)):
        return PolicyFacts(kms_key=kms_key)
    if target is None:
        note(
            "the ids of protected groups and users are known to AWS only; add --live to deny what "
            f"touches: {', '.join((*names.groups, *names.users))}"
        )
        return PolicyFacts(kms_key=kms_key)
    with connected_for(declared, target, write=False) as gateway:
        groups, users = gateway.arns(names.groups, names.users)
        lease = gateway.lease_arn(declared.settings.lease)
    for kind, patterns, found in (
        ("group", names.groups, list(groups)),
        ("user", names.users, list(users)),
    ):
        for pattern in patterns:
            if not any(matches_any((pattern,), name) for name in found):
                note(
                    f"protected {kind} {pattern}: no live {kind} is called that, so nothing is "
                    "denied"
                )
    return PolicyFacts(
        protected=tuple(sorted(groups.values())),
        protected_users=tuple(sorted(users.values())),
        kms_key=kms_key,
        lease=lease,
    )


def _print_policy(declared: Declared, purpose: RunPurpose, facts: PolicyFacts) -> None:
    import json

    from identity_reconciler.iam.policies import policy

    typer.echo(json.dumps(policy(declared, purpose, facts), indent=2))


def _print_trust(declared: Declared, workflows: Workflows, purpose: RunPurpose) -> None:
    import json

    from identity_reconciler.iam.roles import provider_arn, trust

    instance = declared.settings.instance
    partition = instance.instance_arn.split(":")[1]
    provider = provider_arn(partition, instance.account_id)
    typer.echo(json.dumps(trust(provider, workflows, purpose), indent=2))
