"""One template takes as many instances as CloudFormation takes outputs."""

from __future__ import annotations

import pytest

from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.iam.roles import InstanceRoles, Workflows, template_of_all


def roles(number: int) -> InstanceRoles:
    workflows = Workflows("corp/identity", "7", "main").of_instance(f"i{number}")
    store = f"d-{number:010}"
    return InstanceRoles(f"i{number}", f"{number:012}", store, {Purpose.PLAN: {}}, workflows)


def test_up_to_the_limit() -> None:
    assert template_of_all([roles(number) for number in range(200)])
    with pytest.raises(UsageError, match=r"for 201 instances .*200 outputs"):
        template_of_all([roles(number) for number in range(201)])
