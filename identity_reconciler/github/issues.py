"""One issue about drift, opened, updated and closed; never two."""

from __future__ import annotations

from identity_reconciler.github.api import Github, Json
from identity_reconciler.github.comments import make_label, written_by

MARKER = "<!-- identity-reconciler drift -->"
"""The first line of the issue."""
_LABEL = "drift"


def report(github: Github, author: str, title: str, body: str) -> str:
    """Let the open issue say *title* and *body*; return what was done, with its number."""
    found = _find(github, author)
    if found is None:
        make_label(github, _LABEL)
        made = github.send("POST", "/issues", {"title": title, "body": body, "labels": [_LABEL]})
        return f"opened issue {made['number']}"
    if (found["title"], found["body"].strip()) == (title, body.strip()):
        return f"issue {found['number']} says so already"
    github.send("PATCH", f"/issues/{found['number']}", {"title": title, "body": body})
    return f"updated issue {found['number']}"


def remark(github: Github, author: str, mark: str, title: str, body: str) -> str:
    """Say *body* below the open issue, or open one called *title*; return what was done.

    *mark* is the first line of what is said, and tells whether the last that was said below the
    issue is the same: then nothing is.
    """
    found = _find(github, author)
    if found is None:
        return report(github, author, title, f"{MARKER}\n{mark}\n{body}")
    number = found["number"]
    said = [
        one["body"]
        for one in github.listed(f"/issues/{number}/comments")
        if written_by(one, author)
    ]
    if (said[-1] if said else found["body"].partition("\n")[2]).startswith(mark):
        return f"issue {number} says so already"
    github.send("POST", f"/issues/{number}/comments", {"body": f"{mark}\n{body}"})
    return f"commented on issue {number}"


def settle(github: Github, author: str, comment: str) -> str:
    """Close the open issue, if there is one, with *comment*; return what was done."""
    found = _find(github, author)
    if found is None:
        return "in sync; there is no issue"
    github.send("POST", f"/issues/{found['number']}/comments", {"body": comment})
    closed = {"state": "closed", "state_reason": "completed"}
    github.send("PATCH", f"/issues/{found['number']}", closed)
    return f"closed issue {found['number']}"


def _find(github: Github, author: str) -> Json | None:
    # By its first line and its author; the label may be taken off.
    for issue in github.listed("/issues", state="open", creator=author):
        ours = written_by(issue, author) and (issue["body"] or "").startswith(MARKER)
        if ours and "pull_request" not in issue:
            return issue
    return None
