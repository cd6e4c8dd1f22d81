"""Load the desired state of one instance, or of all in a directory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.cli.output import working
from identity_reconciler.errors import InvalidInputError, Problem, UsageError, file_below

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared


def load_all(directory: Path, *, policies: bool = False) -> list[Declared]:
    """Return what each instance directory in *directory* declares, in the order of their names.

    With *policies*, what breaks them now and is not approved is a problem as well.

    Raises:
        InvalidInputError: With the problems of all of them; where there are several, files are
            named relative to *directory*.
    """
    from identity_reconciler.core.policies import policy_problems

    loaded: list[Declared] = []
    problems: list[Problem] = []
    for one in load_each(directory):
        problems.extend(one.problems)
        if one.declared is not None:
            loaded.append(one.declared)
            broken = policy_problems(one.declared, datetime.now(UTC)) if policies else ()
            problems.extend(_below(problem, one.place, directory) for problem in broken)
    if problems:
        raise InvalidInputError(problems)
    return loaded


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one of the instances in a directory declares, or why that is not known."""

    place: Path
    """The directory of the instance."""
    declared: Declared | None
    """None: there are `problems`."""
    problems: tuple[Problem, ...] = ()
    """Their files are named relative to the directory that was asked about."""

    def valid(self) -> Declared:
        """Return what it declares.

        Raises:
            InvalidInputError: That is not known.
        """
        if self.declared is None:
            raise InvalidInputError(self.problems)
        return self.declared


def load_each(directory: Path) -> list[Loaded]:
    """Return what each instance directory in *directory* declares, in the order of their names.

    Raises:
        UsageError: There is none.
    """
    from identity_reconciler.desired.reading.loader import instance_directories, load

    found: list[Loaded] = []
    for one in instance_directories(directory):
        try:
            with working(f"reading {one}"):
                found.append(Loaded(one, load(one)))
        except InvalidInputError as error:
            problems = tuple(_below(problem, one, directory) for problem in error.problems)
            found.append(Loaded(one, None, problems))
    return found


def pace_of(one: Loaded) -> Hashable:
    """Return what AWS counts the requests for an instance by. Source: userguide/limits.html."""
    if one.declared is None:
        return one.place
    instance = one.declared.settings.instance
    return instance.account_id, instance.region


def one_directory(directory: Path) -> Path:
    """Return the directory of the one instance that *directory* is about.

    Raises:
        UsageError: It holds none, or several.
    """
    from identity_reconciler.desired.reading.loader import instance_directories

    found = instance_directories(directory)
    if len(found) != 1:
        raise UsageError(f"{directory} holds {len(found)} instances; name one of them")
    return found[0]


def load_one(directory: Path) -> Declared:
    """Return what the one instance that *directory* is about declares.

    Raises:
        InvalidInputError: With everything that is wrong.
        UsageError: It holds none, or several.
    """
    from identity_reconciler.desired.reading.loader import load

    one = one_directory(directory)
    with working(f"reading {one}"):
        return load(one)


def _below(problem: Problem, instance: Path, directory: Path) -> Problem:
    if instance == directory:
        return problem
    prefix = f"{instance.relative_to(directory).as_posix()}/"
    position = replace(problem.position, file=file_below(prefix, problem.position.file))
    return replace(problem, position=position)
