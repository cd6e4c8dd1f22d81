"""What probes make in account access manager: its one application, and entitlements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from identity_reconciler.probing.ledger import Made
from identity_reconciler.probing.observations import NotMeasuredError
from identity_reconciler.probing.people import People

if TYPE_CHECKING:
    from mypy_boto3_account_access.type_defs import (
        EntitlementFilterTypeDef,
        IdentityCenterPrincipalTypeDef,
        IdentitySourceTypeDef,
    )

EntitledKind = Literal["user", "group"]
_POLLS = 240
"""Looks at an application that is being created."""
_PAUSE = 0.5
"""Seconds between two of them."""


class Entitling(People):
    """Makes the application where there is none, and never touches one that was there before.

    It has no name: a tag with a name of the run as its key tells it from that of others.
    """

    @property
    def identity_source(self) -> IdentitySourceTypeDef:
        """The instance, as the source of users and groups."""
        return {"identityCenter": {"instanceArn": self.site.instance_arn}}

    def access_manager(self) -> tuple[str, str]:
        """Create the application; waits until it can be used. Returns its ARN and its tag.

        Raises:
            NotMeasuredError: There is one already, or it cannot be used in the end.
        """
        if self.prepare(self.access_managers):
            raise NotMeasuredError("there is an account access manager, which is left alone")
        tag = self.name()
        with self.making(self.as_access_manager(tag)) as made:
            answer = self.access.create_application(
                identitySource=self.identity_source, tags={tag: ""}
            )
            made.identifier = arn = answer["applicationArn"]
        for _ in range(_POLLS):
            match self.prepare(lambda: self.access.get_application(applicationArn=arn)["status"]):
                case "ACTIVE":
                    return arn, tag
                case "CREATE_FAILED":
                    break
                case _:
                    self.sleep(_PAUSE)
        raise NotMeasuredError("the account access manager could not be used in the end")

    def as_access_manager(self, tag: str) -> Made:
        """Return how the application is removed, with its entitlements."""
        return Made(
            "access manager",
            tag,
            delete=self._delete,
            there=lambda one: bool(self.access.get_application(applicationArn=one)),
            find=lambda: next(
                (arn for arn in self.access_managers() if tag in self.tags_of(arn)), None
            ),
        )

    def _delete(self, application: str) -> None:
        """Delete an application; waits while that is under way, for there can be no other."""
        self.access.delete_application(applicationArn=application)
        for _ in range(_POLLS):
            if application not in self.access_managers():
                break
            self.sleep(_PAUSE)

    def access_managers(self) -> list[str]:
        """Return the ARNs of the applications: there can be one."""
        pages = self.access.get_paginator("list_applications").paginate()
        return [one["applicationArn"] for page in pages for one in page["applications"]]

    def tags_of(self, application: str) -> Mapping[str, str]:
        """Return the tags of an application."""
        return self.access.list_tags_for_resource(resourceArn=application).get("tags", {})

    def entitle(self, application: str, kind: EntitledKind, principal: str, role: str) -> str:
        """Entitle a principal to a role. Returns the id of the entitlement.

        It is not written down by itself: it goes with its application.
        """
        self.check()
        return self.access.create_entitlement(
            applicationArn=application,
            entitlement={
                "principalRole": {
                    "principal": {"identityCenter": _named(kind, principal)},
                    "roleArn": role,
                }
            },
        )["entitlementId"]

    def role(self, account: str | None = None) -> str:
        """Return the ARN of a role that does not exist, in the instance's account by default."""
        partition = self.site.instance_arn.split(":")[1]
        return f"arn:{partition}:iam::{account or self.site.account}:role/{self.name()}"

    def entitled(self, application: str, kind: EntitledKind, principal: str) -> Iterable[str]:
        """Return the ids of the entitlements that are listed for a principal."""
        wanted: EntitlementFilterTypeDef = {
            "principalRole": {"principal": {"identityCenter": _named(kind, principal)}}
        }
        pages = self.access.get_paginator("list_entitlements").paginate(
            applicationArn=application, filter=wanted
        )
        return [one["entitlementId"] for page in pages for one in page["entitlements"]]


def _named(kind: EntitledKind, principal: str) -> IdentityCenterPrincipalTypeDef:
    return {"userId": principal} if kind == "user" else {"groupId": principal}
