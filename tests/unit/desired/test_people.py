"""People join, move and leave: what the YAML says of them afterwards, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from identity_reconciler.core.declared import Listed
from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.desired.writing.inputs import Input
from identity_reconciler.desired.writing.people import Handover, leave, move, terms_of
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.errors import InvalidInputError, Position, UsageError

SETTINGS = """\
instance:
  name: main
  region: eu-central-1
  account_id: "111122223333"
  instance_arn: arn:aws:sso:::instance/ssoins-1234567890abcdef
  identity_store_id: d-1234567890
guards:
  administrators: [boss]
"""
TEXT = """\
users:
  - user_name: boss
    name: {given_name: Ada, family_name: Boss}
    email: {value: boss@example.com, type: work}
    title: Head # of all
  - {user_name: ann, name: {given_name: Ann, family_name: Lee}, email: ann@example.com}
  - user_name: bob
    name:
      given_name: Bob
      family_name: Ray
    display_name: Bobby
    email: bob@example.com
    nick_name: null
    enterprise:
      department: Data
      manager: boss # since May
  - user_name: cem
    name: {given_name: Cem, family_name: Ak}
    email: cem@example.com
    enterprise: {manager: Bob}
  - {user_name: ext, state: external}
  - {user_name: gone, state: absent}
groups:
  - name: data
    members: [bob, {user: cem, expires: 2030-12-31, reason: T-1}]
  - name: ops
    members:
      - boss
  - name: open
applications:
  - name: Wiki
    assignments:
      users: [bob]
  - name: Loose
"""
ASKED = Input(Position("here"))


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[Callable[[Editor], None]], Any]:
    """Return what makes an edit and returns what the file then says, by section and name."""

    def make(change: Callable[[Editor], None]) -> Any:  # noqa: ANN401 - YAML
        (tmp_path / "instance.yaml").write_text(SETTINGS)
        (tmp_path / "all.yaml").write_text(TEXT)
        rewrite = Rewrite(tmp_path)
        editor = Editor(rewrite)
        with editor.on_behalf_of(ASKED):
            change(editor)
        editor.finish()
        made = yaml.safe_load(rewrite.contents["all.yaml"])
        names = {"users": "user_name", "groups": "name", "applications": "name"}
        return {section: {one[key]: one for one in made[section]} for section, key in names.items()}

    return make


Edited = Callable[[Callable[[Editor], None]], Any]


class TestAttributes:
    """`set_user` changes what it is given, and nothing else."""

    @pytest.mark.parametrize(
        ("user", "said", "path", "value"),
        [
            ("bob", {"title": "Lead: x"}, ("title",), "Lead: x"),
            ("ann", {"title": "007"}, ("title",), "007"),
            ("BOB", {"given_name": "Rob"}, ("name", "given_name"), "Rob"),
            ("bob", {"display_name": ""}, ("display_name",), "not there"),
            ("bob", {"department": ""}, ("enterprise", "department"), None),
            ("bob", {"manager": ""}, ("enterprise", "manager"), None),
            ("ann", {"department": "Ops"}, ("enterprise",), {"department": "Ops"}),
            ("ann", {"title": ""}, ("title",), None),
            ("boss", {"email": "a@x.org"}, ("email",), {"value": "a@x.org", "type": "work"}),
            ("cem", {"cost_center": "7"}, ("enterprise",), {"cost_center": "7", "manager": "Bob"}),
        ],
    )
    def test_is_said(
        self, edited: Edited, user: str, said: dict[str, str], path: tuple[str, ...], value: object
    ) -> None:
        def change(editor: Editor) -> None:
            editor.set_user(user, said)

        before = edited(lambda _: None)["users"]
        after = edited(change)["users"]
        name = user.lower()
        found = after[name]
        for key in path[:-1]:
            found = found[key]
        assert found.get(path[-1], "not there") == value
        assert {**after, name: None} == {**before, name: None}
        assert {k: v for k, v in after[name].items() if k != path[0]} == {
            k: v for k, v in before[name].items() if k != path[0]
        }

    def test_what_is_said_already_changes_nothing(self, tmp_path: Path, edited: Edited) -> None:
        def change(editor: Editor) -> None:
            editor.set_user("bob", {"department": "Data", "nick_name": "", "manager": "boss"})
            editor.set_user("boss", {"email": "boss@example.com", "display_name": ""})

        edited(change)
        assert (tmp_path / "all.yaml").read_text() == TEXT

    @pytest.mark.parametrize(
        ("user", "told"),
        [
            ("ext", "state: external, so the identity provider has its attributes"),
            ("gone", "state: absent"),
            ("bobb", 'did you mean "bob"?'),
        ],
    )
    def test_whose_cannot_be(self, edited: Edited, user: str, told: str) -> None:
        with pytest.raises(InvalidInputError, match=f"here: .*{told}".replace("?", r"\?")):
            edited(lambda editor: editor.set_user(user, {"title": "x"}))


class TestMoves:
    """A move makes nothing permanent that was not."""

    def test_the_end_goes_along(self, edited: Edited) -> None:
        made = edited(lambda editor: move(editor, "cem", ["data"], ["ops"], {}))["groups"]
        assert made["data"]["members"] == ["bob"]
        end = datetime(2030, 12, 31, tzinfo=UTC).date()
        assert made["ops"]["members"] == ["boss", {"user": "cem", "expires": end, "reason": "T-1"}]

    def test_other_terms(self, edited: Edited) -> None:
        made = edited(lambda editor: move(editor, "cem", ["data"], ["ops"], {"reason": "T-2"}))
        assert made["groups"]["ops"]["members"][-1] == {"user": "cem", "reason": "T-2"}

    def test_who_is_there_already_stays(self, edited: Edited) -> None:
        def change(editor: Editor) -> None:
            editor.add_member("ops", "bob", {})
            move(editor, "bob", ["data"], ["ops"], {})
            assert "is in group/ops already" in editor.remarks[-1]

        made = edited(change)["groups"]
        assert made["ops"]["members"] == ["bob", "boss"]

    def test_nobody_moves_from_where_they_are_not(self, edited: Edited) -> None:
        with pytest.raises(InvalidInputError, match="ann is not listed in group/data"):
            edited(lambda editor: move(editor, "ann", ["data"], ["ops"], {}))

    @pytest.mark.parametrize(
        ("end", "said"),
        [
            (datetime(2031, 1, 1, tzinfo=UTC), datetime(2030, 12, 31, tzinfo=UTC).date()),
            (datetime(2031, 1, 1, 12, 30, tzinfo=UTC), "2031-01-01T12:30:00Z"),
        ],
    )
    def test_ends_are_said_as_they_are_read(self, end: datetime, said: object) -> None:
        assert terms_of(Listed("x", Position("x"), end)) == {"expires": said}

    @pytest.mark.parametrize(
        ("start", "said"),
        [
            (datetime(2030, 12, 31, tzinfo=UTC), datetime(2030, 12, 31, tzinfo=UTC).date()),
            (datetime(2030, 12, 31, 12, 30, tzinfo=UTC), "2030-12-31T12:30:00Z"),
        ],
    )
    def test_starts_are_said_as_they_are_read(self, start: datetime, said: object) -> None:
        terms = terms_of(Listed("x", Position("x"), reason="T-1", starts=start))
        assert list(terms.items()) == [("starts", said), ("reason", "T-1")]


class TestLeavers:
    """Nothing that stays says anything of somebody who leaves."""

    def test_everything_goes(self, edited: Edited) -> None:
        def change(editor: Editor) -> None:
            leave(editor, [("bob", ASKED)], Handover())
            assert "user/cem has no manager any more" in editor.remarks

        made = edited(change)
        assert made["users"]["bob"]["state"] == "absent"
        assert made["users"]["cem"]["enterprise"] == {"manager": None}
        assert [one["user"] for one in made["groups"]["data"]["members"]] == ["cem"]
        assert made["applications"]["Wiki"]["assignments"] == {"users": []}

    def test_a_successor_takes_over(self, edited: Edited) -> None:
        made = edited(lambda editor: leave(editor, [("bob", ASKED)], Handover(successor="CEM")))
        assert made["applications"]["Wiki"]["assignments"] == {"users": ["cem"]}
        assert len(made["groups"]["data"]["members"]) == 1
        # Nobody is their own manager: the next one above is.
        assert made["users"]["cem"]["enterprise"] == {"manager": "boss"}

    def test_reports_go_to_whom_is_named(self, edited: Edited) -> None:
        handover = Handover(reports_to="ann", successor="boss")
        made = edited(lambda editor: leave(editor, [("bob", ASKED)], handover))
        assert made["users"]["cem"]["enterprise"] == {"manager": "ann"}
        assert made["groups"]["data"]["members"][0] == "boss"

    def test_several_at_once(self, edited: Edited) -> None:
        """Who leaves as well gets no new manager, and an end that is inherited is kept."""
        leavers = [(name, ASKED) for name in ("bob", "cem")]
        made = edited(lambda editor: leave(editor, leavers, Handover(successor="ann")))
        assert made["groups"]["data"]["members"] == ["ann"]
        assert made["users"]["cem"]["enterprise"] == {"manager": "Bob"}

    def test_what_is_left_to_do_is_told(self, edited: Edited) -> None:
        def change(editor: Editor) -> None:
            leave(editor, [("boss", ASKED), ("ext", ASKED)], Handover())
            told = "\n".join(editor.remarks)
            assert "instance.yaml:8:20: guards.administrators still names boss" in told
            assert "group/ops has no members left" in told
            assert "are not managed; the plan tells what it finds: Loose" in told
            assert "user/ext is owned by an identity provider" in told
            assert "are not looked at: open" in told

        assert "ext" not in edited(change)["users"]

    @pytest.mark.parametrize("heir", ["bob", "gone", "nobody"])
    def test_an_heir_stays(self, edited: Edited, heir: str) -> None:
        with pytest.raises(InvalidInputError, match=r"leaves too|is not declared"):
            edited(lambda editor: leave(editor, [("bob", ASKED)], Handover(successor=heir)))

    def test_a_circle_of_managers_is_told_of_whom_it_comes(self, edited: Edited) -> None:
        """The deputy two levels below."""
        with pytest.raises(InvalidInputError) as caught:
            edited(lambda editor: leave(editor, [("boss", ASKED)], Handover(reports_to="cem")))
        assert str(caught.value).startswith("here: managers in a circle")


class TestWhatIsWrong:
    """Is told with the argument or the row, and never with a line of a file that is not there."""

    def test_every_problem_at_once(self, edited: Edited) -> None:
        def row(number: int, **fields: Position) -> Input:
            return Input(Position("people.csv", number), fields)

        def change(editor: Editor) -> None:
            for number, (name, address) in enumerate(
                {
                    "eve": "e@x.org",
                    "fay": "E@x.org",
                    "gus": "nope",
                    "hal": "ann@example.com",
                }.items(),
                2,
            ):
                with editor.on_behalf_of(row(number, email=Position("people.csv", number, 9))):
                    said = {"given_name": "A", "family_name": "B", "email": address}
                    editor.add_user(name, said, "new.yaml")
            with editor.on_behalf_of(row(7, expires=Position("--expires"))):
                editor.add_member("ops", "ann", {"expires": "soon"})
            editor.set_user("cem", {"manager": "nobody"})

        with pytest.raises(InvalidInputError) as caught:
            edited(change)
        said = [str(problem).partition(": ") for problem in caught.value.problems]
        assert {place for place, _, _ in said} == {
            "--expires",
            "here",
            "people.csv:3:9",
            "people.csv:4:9",
            "people.csv:5:9",
        }
        assert "new.yaml" not in str(caught.value)

    def test_somebody_has_reports(self, edited: Edited) -> None:
        with pytest.raises(InvalidInputError, match="here: user/bob is the manager of cem; `edit"):
            edited(lambda editor: editor.remove_user("bob", forget=False))

        def both(editor: Editor) -> None:
            for name in ("bob", "cem"):
                editor.remove_user(name, forget=False)

        assert edited(both)["users"]["bob"]["state"] == "absent"

    def test_what_cannot_be_changed(self, edited: Edited) -> None:
        def change(editor: Editor) -> None:
            for name in ("nobody", "nowho"):
                with editor.on_behalf_of(Input(Position(name))):
                    editor.remove_user(name, forget=False)
            raise UsageError("last")

        with pytest.raises(InvalidInputError) as caught:
            edited(change)
        assert [one.position.file for one in caught.value.problems] == ["here", "nobody", "nowho"]
