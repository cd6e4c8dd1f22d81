"""CODEOWNERS as GitHub reads it."""

from __future__ import annotations

from typing import ClassVar

import pytest

from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Settings,
)
from identity_reconciler.core.state import Group, GroupName, PrincipalKind, User, UserName
from identity_reconciler.errors import Position
from identity_reconciler.github.codeowners import (
    OwnedFile,
    deciding_rule,
    owned_files,
    owned_line,
    owners_lines,
    owners_rules,
)
from tests.strategies import HERE, INSTANCE


def owners(text: str, path: str) -> tuple[str, ...] | None:
    """Return who owns *path*; None if no line is about it."""
    rule = deciding_rule(owners_rules(text), path)
    return None if rule is None else rule.owners


class TestPatterns:
    """Which files a pattern is about, by the examples of "About code owners" and their like."""

    @pytest.mark.parametrize(
        ("pattern", "matching", "others"),
        [
            ("*", ("a", "a/b", ".github/x"), ()),
            ("/*", ("a", ".gitattributes"), ("a/b", ".github/CODEOWNERS")),
            ("*.js", ("a.js", "b/c/a.js"), ("a.jsx", "a/js")),
            ("/build/logs/", ("build/logs/a", "build/logs/a/b"), ("build/logs", "x/build/logs/a")),
            ("docs/*", ("docs/a.md",), ("docs/build/a.md", "x/docs/a.md")),
            ("apps/", ("apps/a", "x/apps/a/b"), ("apps", "apps2/a")),
            ("/docs/", ("docs/a", "docs/b/c"), ("x/docs/a",)),
            ("/scripts", ("scripts", "scripts/a/b"), ("x/scripts", "scripts2")),
            ("**/logs", ("logs", "a/logs/b", "a/b/logs"), ("alogs",)),
            ("/a/**/b", ("a/b", "a/x/y/b", "a/x/b/c"), ("b", "x/a/b")),
            ("/a/**", ("a/b", "a/b/c"), ("a", "b")),
            ("/a?.yaml", ("ab.yaml",), ("a/.yaml", "abc.yaml")),
            ("/with\\ space", ("with space",), ("with", "space")),
            ("/a.b", ("a.b",), ("aXb",)),
            ("/a/*/", ("a/b/c",), ("a/b", "a")),
            ("**", ("a", "a/b"), ()),
            ("**/a/**/b/", ("a/b/c", "x/a/y/z/b/c"), ("a/b", "b/a/c")),
        ],
    )
    def test_match(self, pattern: str, matching: tuple[str, ...], others: tuple[str, ...]) -> None:
        text = f"{pattern} @me\n"
        assert {path for path in (*matching, *others) if owners(text, path)} == {*matching}

    def test_none_takes_long(self) -> None:
        pattern = "/" + "**/" * 40 + "*a" * 40 + "b"
        assert owners(f"{pattern} @me\n", "/".join(["a" * 60] * 40)) is None


class TestLines:
    """Which line counts."""

    def test_the_last_that_matches(self) -> None:
        text = "* @all\n/a/ @some @corp/team me@example.com # why\n/a/b\n"
        assert owners(text, "x") == ("@all",)
        assert owners(text, "a/x") == ("@some", "@corp/team", "me@example.com")
        assert owners(text, "a/b") == ()
        rule = deciding_rule(owners_rules(text), "a/b")
        assert rule is not None
        assert rule.line == 3

    @pytest.mark.parametrize(
        "line", ["!/a @me", "/[ab] @me", "/a me", "/a @me @", "/a @me/too/much", "# /a @me", "   "]
    )
    def test_what_github_cannot_read_counts_for_nothing(self, line: str) -> None:
        assert owners(f"* @all\n{line}\n", "a") == ("@all",)

    @pytest.mark.parametrize("separator", ["\u2028", "\x0b", "\x0c", "\x85", "\x1c"])
    def test_only_a_line_feed_ends_a_line(self, separator: str) -> None:
        assert owners(f"/x @me{separator}/a @all\n", "a") is None

    def test_carriage_returns(self) -> None:
        assert owners("/a @all\r\n", "a") == ("@all",)

    def test_a_file_that_github_does_not_load(self) -> None:
        assert owners("* @all\n" + "#" * 3_000_000, "a") is None


class TestOurs:
    """The lines that `init` writes own whatever a job reads, and the approvers what decides."""

    @pytest.mark.parametrize("directory", ["desired-state", "teams/identity", "."])
    def test_owners(self, directory: str) -> None:
        text = owners_lines(directory, "@corp/identity", "@corp/security")
        below = "" if directory == "." else f"{directory}/"
        for path in (
            ".github/CODEOWNERS",
            ".github/workflows/plan.yml",
            ".github/actions/x/action.yml",
            f"{below}instance.yaml",
            f"{below}approvals.yaml",
            f"{below}policies.yaml",
        ):
            assert owners(text, path) == ("@corp/security",), path
        for path in (".gitattributes", "CODEOWNERS", f"{below}users.yaml", f"{below}groups/a.yaml"):
            assert owners(text, path) == ("@corp/identity",), path


class TestOwnedFiles:
    """Whose group or application it is can say yes to a change of its file, and of nothing else."""

    HANDLES: ClassVar = {"user/ann": "@ann-gh", "group/leads": "@example/leads"}

    def files(self, *groups: DeclaredGroup, users: str = "") -> dict[str, tuple[str, ...] | str]:
        people = tuple(
            DeclaredUser(User(UserName("bob")), Position(file, 1, 1)) for file in users.split()
        )
        declared = Declared(Settings(INSTANCE), people, groups)
        return {one.file: one.handles or one.trouble for one in owned_files(declared, self.HANDLES)}

    def test_all_that_a_file_declares_has_the_same_owners(self) -> None:
        assert self.files(
            group("a.yaml", "user/Ann", "group/leads"),
            group("a.yaml", "group/Leads", "user/ann"),
            group("b.yaml", "user/ann"),
            group("b.yaml"),
            group("c.yaml"),
            group("d.yaml", "user/ann", "user/Eve"),
            group("e.yaml", "user/ann"),
            users="e.yaml f.yaml",
        ) == {
            "a.yaml": ("@ann-gh", "@example/leads"),
            "b.yaml": "not all in it has the same owners; keep what others own in other files",
            "d.yaml": "give --codeowner for user/Eve",
            "e.yaml": "it declares users as well; keep them in files of their own",
        }

    @pytest.mark.parametrize("directory", [".", "desired-state", "a b/c"])
    @pytest.mark.parametrize("file", ["x.yaml", "of/a b#c*d.yaml"])
    def test_the_line_is_about_that_file_alone(self, directory: str, file: str) -> None:
        line = owned_line(directory, OwnedFile(file, ("@me", "@corp/team")))
        path = file if directory == "." else f"{directory}/{file}"
        assert owners(f"* @all\n{line}\n", path) == ("@me", "@corp/team")
        for other in (f"x/{path}", f"{path}x", f"{path}/x/y".replace(file, "y")):
            assert owners(f"* @all\n{line}\n", other) == ("@all",)


def group(file: str, *owned_by: str) -> DeclaredGroup:
    found = [one.partition("/") for one in owned_by]
    people = tuple(DeclaredOwner(PrincipalKind(kind), name, HERE) for kind, _, name in found)
    return DeclaredGroup(Group(GroupName("g")), Position(file, 1, 1), owners=people)
