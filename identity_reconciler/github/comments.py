"""One comment on a pull request, found again by its marker and its author."""

from __future__ import annotations

from collections.abc import Iterable

from identity_reconciler.github.api import Github, Json

MARKER = "<!-- identity-reconciler plan"
"""What the first line of the comment begins with."""
_ENDED = "<!-- ended -->"


def find(github: Github, number: int, author: str) -> Json | None:
    """Return our comment on a pull request; one that only looks like it is not ours."""
    for comment in github.listed(f"/issues/{number}/comments"):
        if written_by(comment, author) and comment["body"].startswith(MARKER):
            return comment
    return None


def written_by(one: Json, author: str) -> bool:
    """Return whether *author* wrote a comment or an issue; nobody did, if the account is gone."""
    return bool(one["user"]) and one["user"]["login"] == author


def put(github: Github, number: int, author: str, body: str) -> str:
    """Let our comment say *body*; return what was done: created, updated, or unchanged."""
    found = find(github, number, author)
    if found is None:
        github.send("POST", f"/issues/{number}/comments", {"body": body})
        return "created"
    return _update(github, found, body)


def end(github: Github, number: int, author: str, verdict: str) -> str:
    """Fold our comment under *verdict*; return what was done, also when there is none."""
    found = find(github, number, author)
    if found is None:
        return "not there"
    marker, _, rest = found["body"].partition("\n")
    if rest.startswith(_ENDED):
        rest = rest.partition("<summary>The plan</summary>\n\n")[2].rpartition("\n\n</details>")[0]
    folded = f"<details><summary>The plan</summary>\n\n{rest}\n\n</details>\n"
    return _update(github, found, f"{marker}\n{_ENDED}\n{verdict}\n\n{folded}")


def _update(github: Github, found: Json, body: str) -> str:
    # GitHub takes the space off the ends of a body.
    if found["body"].strip() == body.strip():
        return "unchanged"
    github.send("PATCH", f"/issues/comments/{found['id']}", {"body": body})
    return "updated"


_LABELS = {
    "removes-access": ("b60205", "Somebody loses access to an application"),
    "blocked": ("d93f0b", "A guard refuses the plan"),
    "loosens-control": ("5319e7", "Less is guarded, managed or approved than before"),
    "drift": ("fbca04", "What is live is not what the YAML says"),
}
"""Colour and description of every label that we use, by name."""
_OF_PULLS = {"removes-access", "blocked", "loosens-control"}


def label(github: Github, number: int, wanted: Iterable[str]) -> None:
    """Let a pull request have those of its labels that are *wanted*; others stay."""
    there = {one["name"] for one in github.listed(f"/issues/{number}/labels")} & _OF_PULLS
    names = set(wanted)
    for name in sorted(there - names):
        github.send("DELETE", f"/issues/{number}/labels/{name}", known=404)
    for name in sorted(names - there):
        make_label(github, name)
    if names - there:
        github.send("POST", f"/issues/{number}/labels", {"labels": sorted(names - there)})


def make_label(github: Github, name: str) -> None:
    """Make a label of ours, unless the repository has it."""
    color, description = _LABELS[name]
    body = {"name": name, "color": color, "description": description}
    github.send("POST", "/labels", body, known=422)
