"""Every attribute of a user goes all the way: YAML, AWS, YAML again, and away."""

from __future__ import annotations

import copy
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import pytest
import yaml

from identity_reconciler.core.attributes import USER_ATTRIBUTES, UserAttribute
from identity_reconciler.desired.model.people import SECTIONS
from tests.command import ROOT, command

MANAGER = "janedoe"
"""Whom the model's example of a manager names."""


def user_name(attribute: UserAttribute) -> str:
    """Return the name of the user who has *attribute*, and no other that can be left out."""
    return f"with-{attribute.field}"


def model_field(attribute: UserAttribute) -> Any:  # noqa: ANN401 - pydantic's FieldInfo
    return SECTIONS[attribute.section].model_fields[attribute.key]


def is_removable(attribute: UserAttribute) -> bool:
    return NoneType in get_args(model_field(attribute).annotation)


def entry(attribute: UserAttribute, value: object) -> dict[str, Any]:
    """Return a user with what is required and with *value*."""
    name = user_name(attribute)
    user: dict[str, Any] = {
        "user_name": name,
        "name": {"given_name": "Given", "family_name": "Family"},
    }
    section = user.setdefault(attribute.section, {}) if attribute.section else user
    section[attribute.key] = value
    return user


def example(attribute: UserAttribute) -> object:
    return model_field(attribute).examples[0]


def declare(here: Path, users: list[dict[str, Any]]) -> None:
    (here / "desired-state/users.yaml").write_text(yaml.safe_dump({"users": users}))


def live(here: Path) -> dict[str, dict[str, Any]]:
    """Return the entries that `import` makes, by user name, and leave only them declared."""
    (here / "desired-state/users.yaml").unlink()
    run = command("import", "--sandbox", "--layout", "one-file", cwd=here)
    assert run.code == 0, run.err
    (written,) = {*here.glob("desired-state/*.yaml")} - {here / "desired-state/instance.yaml"}
    users = yaml.safe_load(written.read_text())["users"]
    written.rename(here / "desired-state/users.yaml")
    assert "No changes." in command("plan", "--sandbox", cwd=here).out
    return {user["user_name"]: user for user in users}


def apply(here: Path) -> None:
    run = command("apply", "--sandbox", "--auto-approve", cwd=here)
    assert run.code == 0, run.err
    assert "No changes." in command("plan", "--sandbox", cwd=here).out


@pytest.fixture(scope="module")
def imported(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return what is live with every attribute, and after all that can be removed is."""
    here = tmp_path_factory.mktemp("attributes")
    (here / "desired-state").mkdir()
    settings = yaml.safe_load((ROOT / "desired-state/instance.yaml").read_text())
    settings["manage"]["require_email"] = False
    (here / "desired-state/instance.yaml").write_text(yaml.safe_dump(settings))
    boss = {"user_name": MANAGER, "name": {"given_name": "Jane", "family_name": "Doe"}}
    declare(here, [boss, *(entry(one, example(one)) for one in USER_ATTRIBUTES)])
    apply(here)
    with_all = copy.deepcopy(live(here))
    removable = [entry(one, None) for one in USER_ATTRIBUTES if is_removable(one)]
    declare(here, [boss, *removable])
    apply(here)
    return with_all, live(here)


def value_of(user: dict[str, Any], attribute: UserAttribute) -> object:
    section = user.get(attribute.section, {}) if attribute.section else user
    return section.get(attribute.key)


@pytest.mark.parametrize("attribute", USER_ATTRIBUTES, ids=lambda one: one.field)
class TestRoundTrip:
    """What is declared is what is live and what is imported; null takes it away again."""

    def test_comes_back(
        self, attribute: UserAttribute, imported: tuple[dict[str, dict[str, Any]], ...]
    ) -> None:
        user = imported[0][user_name(attribute)]
        assert value_of(user, attribute) == example(attribute)

    def test_is_all_there_is(
        self, attribute: UserAttribute, imported: tuple[dict[str, dict[str, Any]], ...]
    ) -> None:
        user = imported[0][user_name(attribute)]
        others = {
            other.field
            for other in USER_ATTRIBUTES
            if other is not attribute and value_of(user, other) is not None
        }
        assert others <= {"given_name", "family_name", "display_name"}

    def test_goes(
        self, attribute: UserAttribute, imported: tuple[dict[str, dict[str, Any]], ...]
    ) -> None:
        left = value_of(imported[1][user_name(attribute)], attribute)
        assert (left is None) is is_removable(attribute)
