"""Probes of instances, identity stores and Regions."""

from __future__ import annotations

from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import (
    DENIED,
    REFUSED,
    NotMeasuredError,
    Observation,
)
from identity_reconciler.probing.probe import Probe, Switch, allowed_by


def _unknown_instance(bench: Bench) -> Observation:
    unknown = f"{bench.site.instance_arn[:-16]}{'0' * 16}"
    # That this works shows that a denial of the other is not for want of the permission.
    bench.admin.describe_instance(InstanceArn=bench.site.instance_arn)
    return bench.attempt(lambda: bench.admin.describe_instance(InstanceArn=unknown), denial=True)


def _unknown_store(bench: Bench) -> Observation:
    user = bench.user()
    bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
    return bench.attempt(
        lambda: bench.store.describe_user(IdentityStoreId="d-0000000000", UserId=user),
        denial=True,
    )


def _other_region(bench: Bench) -> Observation:
    replica = bench.site.replica
    if replica is None:
        raise NotMeasuredError("the instance is enabled in one Region only")
    name = bench.name()

    def create() -> None:
        with bench.making(bench.as_group(name)) as made:
            answer = replica.create_group(IdentityStoreId=bench.site.store_id, DisplayName=name)
            made.identifier = answer["GroupId"]

    return bench.attempt(create)


INSTANCES = (
    Probe(
        "instance-unknown",
        "an instance that does not exist",
        _unknown_instance,
        Switch("unknown_instance_is_denied", {DENIED: True, REFUSED: False}),
    ),
    Probe("store-unknown", "an identity store that does not exist", _unknown_store),
    Probe(
        "write-in-other-region",
        "a group made in another Region than the primary one",
        _other_region,
        allowed_by("write_outside_primary_region"),
    ),
)
"""In the order of the table."""
