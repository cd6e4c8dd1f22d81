"""The desired state in Git: what is checked out, and how it stood at a revision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from identity_reconciler.cli.git import Repository, repository_around
from identity_reconciler.cli.output import working
from identity_reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.loading import Loaded
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.runs.planning import Base


@contextmanager
def tree_at(directory: Path, revision: str) -> Iterator[Path]:
    """Yield a temporary directory with the YAML files of *directory* as they stood at *revision*.

    Beside it are those of the fragments that are beside *directory*. Nothing is checked out. The
    temporary directory is its owner's alone, and goes with the block.

    Raises:
        UsageError: Git does not know *revision*, or *directory* is not in a Git repository.
    """
    repository, commit = _repository_at(directory, revision)
    files = {
        path: identifier
        for path, identifier in files_of(repository, commit, directory).items()
        if PurePosixPath(path).suffix in {".yaml", ".yml"}
    }
    with tempfile.TemporaryDirectory(prefix="identity-reconciler-") as name:
        tree = Path(name, _TREE)
        tree.mkdir()
        for path, content in zip(files, repository.contents(files.values()), strict=True):
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        yield tree


_TREE = "tree"


def _repository_at(directory: Path, revision: str) -> tuple[Repository, str]:
    """Return the repository around *directory*, and the full name of the commit *revision*.

    Raises:
        UsageError: Git does not know *revision*, or *directory* is not in a Git repository.
    """
    repository = repository_around(directory)
    commit = repository.commit(revision) if repository else None
    if repository is None or commit is None:
        raise UsageError(
            f"{revision}: Git knows no such commit for {directory}; name one that "
            "is there (a shallow clone may lack it: fetch more history)"
        )
    return repository, commit


def files_of(repository: Repository, commit: str, directory: Path) -> dict[str, str]:
    """Return the objects of *directory* in *commit*, and of the fragments beside it.

    By the path as seen from *directory*; whether it includes them is not asked.
    """
    from identity_reconciler.desired.reading.files import OUTSIDE

    beside = repository.files(commit, directory / OUTSIDE)
    outside = {f"{OUTSIDE}{path}": identifier for path, identifier in beside.items()}
    return {**repository.files(commit, directory), **outside}


def declared_in(tree: Path) -> Declared | None:
    """Return what *tree* declares, or None where it holds no desired state without problems."""
    from identity_reconciler.desired.reading.loader import load

    try:
        with working("reading the YAML of before"):
            return load(tree)
    except ReconcilerError:
        return None


def bases(directory: Path, revision: str, loaded: Sequence[Loaded]) -> dict[Path, Base]:
    """Return, for each valid one of *loaded* from *directory*, how it stood at *revision*.

    By its place. That is where the same instance was declared then, be it in another directory,
    or else what stood in the same directory. Of instances that are nowhere any more the first
    base tells.

    Raises:
        UsageError: Git does not know *revision*.
    """
    from identity_reconciler.core.control import dropped_instance
    from identity_reconciler.runs.planning import Base

    with tree_at(directory, revision) as tree:
        stood = {one.relative_to(tree): declared_in(one) for one in _directories(tree)}
    by_instance = {_instance(old): old for old in stood.values() if old is not None}
    found: dict[Path, Base] = {}
    left = set(by_instance)
    for one in loaded:
        place = one.place.relative_to(directory)
        old = stood.get(place)
        if one.declared is not None:
            old = by_instance.get(_instance(one.declared)) or old
            found[one.place] = Base(revision, old, broken=old is None and place in stood)
        if old is not None:
            left.discard(_instance(old))
    dropped = tuple(dropped_instance(by_instance[one]) for one in sorted(left))
    first = next(iter(found), None)
    if first is not None:
        found[first] = replace(found[first], dropped=dropped)
    return found


def _directories(tree: Path) -> list[Path]:
    from identity_reconciler.desired.reading.loader import instance_directories

    try:
        return instance_directories(tree)
    except UsageError:
        return []


def _instance(declared: Declared) -> tuple[str, str]:
    instance = declared.settings.instance
    return instance.instance_arn, instance.identity_store_id


def commit_of(directory: Path) -> str | None:
    """Return the commit checked out around *directory*, or None where there is no Git.

    Ends with `-dirty` when a YAML file below *directory* is not as committed, is not committed at
    all, or is missing.
    """
    repository = repository_around(directory)
    commit = repository.commit("HEAD") if repository else None
    if repository is None or commit is None:
        return None
    clean = _stands(repository, files_of(repository, commit, directory), directory)
    return commit if clean else f"{commit}-dirty"


def _stands(repository: Repository, files: Mapping[str, str], directory: Path) -> bool:
    """Return whether what is read of *directory* is as in *files*: its own, and of all fragments.

    Whoever includes other fragments than then has another `instance.yaml`.
    """
    from identity_reconciler.desired.reading.files import (
        OUTSIDE,
        SETTINGS_FILE,
        included,
        is_included,
        is_read,
        read_files,
    )

    contents = read_files(directory).contents
    fragments = dict(included(contents.get(SETTINGS_FILE, b"")))
    then = {
        path: files[path]
        for path in files
        if (is_included(path, fragments) if path.startswith(OUTSIDE) else is_read(path))
    }
    return repository.holds(then, contents)


def touched(directory: Path, revision: str) -> tuple[list[Path], list[str]]:
    """Return the directories of the instances in *directory* that changed since *revision*.

    Those whose own files are others or have other bytes, or those of a fragment that they
    include; and the names of directories that held an instance then and hold none now.

    Raises:
        UsageError: Git does not know *revision*, or neither *directory* nor a child of it holds
            `instance.yaml`.
    """
    from identity_reconciler.desired.reading.files import OUTSIDE, SETTINGS_FILE, SHARED
    from identity_reconciler.desired.reading.loader import instance_directories

    repository, commit = _repository_at(directory, revision)
    here = instance_directories(directory)
    if here == [directory]:
        files = files_of(repository, commit, directory)
        return ([] if _stands(repository, files, directory) else here), []
    whole = repository.files(commit, directory)
    by_folder: dict[str, dict[str, str]] = {}
    for path, identifier in whole.items():
        folder, _, rest = path.partition("/")
        by_folder.setdefault(folder, {})[rest] = identifier
    shared = {f"{OUTSIDE}{rest}": one for rest, one in by_folder.get(SHARED, {}).items()}
    found = [
        one
        for one in here
        if not _stands(repository, {**by_folder.get(one.name, {}), **shared}, one)
    ]
    then = {folder for folder, rest in by_folder.items() if SETTINGS_FILE in rest}
    return found, sorted(then - {one.name for one in here})


def head_of(directory: Path) -> str | None:
    """Return the commit checked out around *directory*, whatever was edited since."""
    repository = repository_around(directory)
    return repository.commit("HEAD") if repository else None


def ancestry(directory: Path) -> Callable[[str, str], bool | None]:
    """Return what says whether its second commit descends from the first, as far as Git knows.

    That is the Git around *directory*; where there is none, it never knows.
    """
    repository = repository_around(directory)
    return repository.descends if repository else lambda _older, _newer: None


def repository_prefix(directory: Path) -> str:
    """Return the path from the root of the repository to *directory*, with a slash at its end.

    It is empty at the root. Where there is no Git, the root is the working directory.
    """
    repository = repository_around(directory)
    root = repository.top if repository else Path.cwd().resolve()
    try:
        path = directory.resolve().relative_to(root)
    except ValueError:
        path = directory
    return f"{path.as_posix()}/" if path.parts else ""
