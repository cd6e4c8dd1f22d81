"""Several instances in one repository, which share what people there are."""

from __future__ import annotations

import subprocess
from pathlib import Path

PEOPLE = """\
users:
  - user_name: ann
    name: {given_name: Ann, family_name: Lee}
    email: ann@example.com

  - user_name: bob
    name: {given_name: Bob, family_name: Ray}
    email: bob@example.com
"""
GROUPS = """\
groups:
  - name: oncall
    members: [ann, bob]
"""


def instance_of(number: int, *shared: str) -> str:
    """Return the `instance.yaml` of instance *number*, which includes the fragments *shared*."""
    included = "\nshared:\n" + "".join(f"  - {one}\n" for one in shared) if shared else ""
    return (
        "instance:\n"
        f"  name: i{number:02}\n"
        "  region: eu-central-1\n"
        f'  account_id: "1111222233{number:02}"\n'
        f"  instance_arn: arn:aws:sso:::instance/ssoins-12345678901234{number:02}\n"
        f"  identity_store_id: d-12345678{number:02}\n" + included
    )


def fleet(here: Path, including: int, others: int = 0) -> Path:
    """Return the directory of instances below *here*, the first of which include `people`."""
    root = here / "desired-state"
    (root / "shared").mkdir(parents=True)
    (root / "shared/people.yaml").write_text(PEOPLE)
    for number in range(including + others):
        one = root / f"i{number:02}"
        one.mkdir()
        one.joinpath("instance.yaml").write_text(
            instance_of(number, "people") if number < including else instance_of(number)
        )
        own = GROUPS if number < including else f"{PEOPLE}\n{GROUPS}"
        one.joinpath("data.yaml").write_text(own)
    return root


def git(here: Path, *arguments: str) -> None:
    """Run Git in *here*."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


def committed(here: Path) -> None:
    """Commit all of *here* to a repository, which is made if need be."""
    git(here, "init", "--quiet")
    git(here, "add", "--all", "desired-state")
    git(here, "commit", "--quiet", "--message", "x")
