"""Start the workflow that checks for drift, of what events were about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from identity_reconciler.core.object_ids import ObjectIds, as_text
from identity_reconciler.errors import UsageError
from identity_reconciler.github.api import Github, Job

MOST = 200
"""Objects of one check; more are checked as a whole, which then takes fewer requests.

So many identifiers fit into one input: GitHub takes 65,535 characters of all of them. Source: REST
API endpoints for workflows, "Create a workflow dispatch event".
"""
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_WORKFLOW = re.compile(r"[A-Za-z0-9._-]+\.ya?ml")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/*?-]+")
"""A pattern has to name the account: a role of that name in another one is somebody else's."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Where checks are started, and whose calls need none: variables as `EVENTS_REPOSITORY`."""

    repository: str
    """OWNER/NAME."""
    token_secret: str
    """ARN of the secret of AWS Secrets Manager that holds the token, as it is."""
    own_roles: tuple[str, ...]
    """Patterns of ARNs of roles, with commas; of the roles that `apply` takes."""
    workflow: str
    branch: str
    api: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> EventSettings:
        """Return what the variables say; those that may be missing or empty have their defaults.

        Raises:
            UsageError: Something is missing or cannot be.
        """
        roles = environment.get("EVENTS_OWN_ROLES", "").split(",")
        found = cls(
            environment.get("EVENTS_REPOSITORY", ""),
            environment.get("EVENTS_TOKEN_SECRET", ""),
            tuple(one.strip() for one in roles if one.strip()),
            environment.get("EVENTS_WORKFLOW") or "drift.yml",
            environment.get("EVENTS_BRANCH") or "main",
            (environment.get("EVENTS_API") or "https://api.github.com").rstrip("/"),
        )
        for name, value, pattern, expected in (
            ("REPOSITORY", found.repository, _REPOSITORY, "OWNER/NAME"),
            ("TOKEN_SECRET", found.token_secret, re.compile(r"arn:.+"), "the ARN of a secret"),
            ("WORKFLOW", found.workflow, _WORKFLOW, "the file of a workflow, like drift.yml"),
            ("BRANCH", found.branch, _BRANCH, "a branch, like main"),
            ("API", found.api, _API, "https://"),
            *(("OWN_ROLES", one, _ROLE, _ROLE_EXPECTED) for one in found.own_roles or ("",)),
        ):
            if not pattern.fullmatch(value):
                raise UsageError(f"EVENTS_{name} is {value!r}; expected {expected}")
        return found


_API = re.compile(r"https://[\w.-]+(:\d+)?(/[\w./-]*)?|http://(localhost|127\.0\.0\.1)(:\d+)?")
_ROLE_EXPECTED = "ARNs of roles with their account, as in arn:aws:iam::123456789012:role/*apply*"


def start(settings: EventSettings, token: str, ids: Iterable[ObjectIds]) -> bool:
    """Start one check of *ids*; of everything, where they are too many. Return which: True, all.

    Sent once, without another attempt: whoever calls has the events still.

    Raises:
        GithubError: GitHub could not be asked, or refused.
    """
    chosen = sorted(set(ids))
    everything = len(chosen) > MOST
    job = Job(settings.api, settings.repository, "https://github.com", "0", token)
    Github(job).send(
        "POST",
        f"/actions/workflows/{settings.workflow}/dispatches",
        {"ref": settings.branch, "inputs": {"ids": "" if everything else as_text(chosen)}},
    )
    return everything
