"""`import`: what is live becomes YAML that has nothing to plan."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
)
from identity_reconciler.core.plan import Change, Delete, Reason, Rename, Update
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    Membership,
    PhoneNumber,
    Photo,
    PostalAddress,
    Principal,
    PrincipalKind,
    Role,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.desired.writing.importing import Choice, adopt
from identity_reconciler.desired.writing.layout import Layout, file_for
from identity_reconciler.desired.writing.rewrite import Rewrite
from tests.memory_gateway import MemoryGateway
from tests.strategies import NOW, live_states, nestings

INSTANCE = (Path(__file__).parents[2] / "invalid" / "instance.yaml").read_text("utf-8")
PLAIN = "manage: {require_email: false}\n"


class Repository:
    """A directory that is imported into, without a file system."""

    def __init__(self, directory: Path, settings: str = PLAIN, **files: str) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "instance.yaml").write_text(INSTANCE + settings, "utf-8")
        for name, text in files.items():
            (directory / f"{name}.yaml").write_text(text, "utf-8")
        self.rewrite = Rewrite(directory)

    def adopt(self, live: State, **choice: object) -> tuple[str, ...]:
        """Import *live*; return the remarks."""
        chosen = replace(Choice(NOW), **choice)  # type: ignore[arg-type]
        self.adopted = adopt(self.rewrite, self.rewrite.declared(), live, chosen)
        return self.adopted.remarks

    @property
    def declared(self) -> Declared:
        """What the files declare now."""
        return self.rewrite.declared()

    def text(self, name: str) -> str:
        """Return a file as it is now."""
        return self.rewrite.contents[f"{name}.yaml"].decode()


def without_orphans(live: State) -> State:
    """Return *live* without assignments of principals that are gone: no YAML can name them."""
    kept = {
        arn: frozenset(one for one in principals if not one.orphan)
        for arn, principals in live.assignments.items()
    }
    return replace(live, assignments=kept)


def person(name: str, **attributes: object) -> User:
    """Return a user who can be declared."""
    common = {"given_name": "A", "family_name": "B", "display_name": "A B"}
    return User(UserName(name), **{**common, **attributes})  # type: ignore[arg-type]


def people(*users: User) -> State:
    """Return a state with *users* alone."""
    return State(users={user_key(one.user_name): one for one in users})


# Texts that other parsers read as something else, and texts that need care.
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("no", "007", "1e3", "2026-01-01", "null", "~", "=", "<<", "12:30:45", "y", "0x1F"),
            *("a: b", "a # b", "- a", "'x'", '"x"', "\\n", "a\nb", "a\tb", "[x]", "{x}", "&a"),
            *("*a", "!x", "%x", "@x", "`x`", "|", ">", "?", ": ", "é", "名前", "x\u00a0y", "true"),
        ]
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
)


@st.composite
def odd_users(draw: st.DrawFn) -> State:
    """Draw users with any text in any attribute, expressible or not."""
    names = draw(st.lists(TEXTS, max_size=4, unique_by=user_key))
    maybe = st.one_of(st.none(), TEXTS)
    flag = st.sampled_from([None, True, False])
    users = []
    for name in names:
        email = st.builds(Email, st.sampled_from(["a@example.com", "x", "A@example.com"]), maybe)
        users.append(
            User(
                UserName(name),
                display_name=draw(maybe),
                given_name=draw(maybe),
                family_name=draw(TEXTS),
                formatted_name=draw(maybe),
                nick_name=draw(maybe),
                email=draw(st.one_of(st.none(), email)),
                phone_number=draw(st.one_of(st.none(), st.builds(PhoneNumber, TEXTS, maybe, flag))),
                address=draw(st.one_of(st.none(), st.builds(PostalAddress, maybe, maybe))),
                birthdate=draw(st.sampled_from([None, "1990-01-31", "31.1.1990"])),
                photos=draw(
                    st.one_of(
                        st.none(),
                        st.lists(
                            st.builds(Photo, TEXTS, maybe, maybe, flag), min_size=1, max_size=4
                        ).map(tuple),
                    )
                ),
                role=draw(st.one_of(st.none(), st.builds(Role, TEXTS, maybe, flag))),
                cost_center=draw(maybe),
                manager=draw(st.one_of(st.none(), st.sampled_from([*map(UserName, names)]))),
                foreign=draw(st.booleans()),
            )
        )
    return people(*users)


@st.composite
def odd_states(draw: st.DrawFn) -> State:
    """Draw odd users in odd groups, assigned to applications with odd names."""
    users = draw(odd_users()).users
    names = draw(st.lists(TEXTS, max_size=3, unique_by=group_key))
    groups = {
        group_key(name): Group(GroupName(name), draw(st.one_of(st.none(), TEXTS))) for name in names
    }
    members = (
        {key: draw(st.frozensets(st.sampled_from(sorted(users)))) for key in groups}
        if users
        else {}
    )
    applications = [
        Application(ApplicationArn(f"{ARN}{number}"), name)
        for number, name in enumerate(draw(st.lists(TEXTS, max_size=3)))
    ]
    principals = [
        *(Principal(PrincipalKind.USER, key) for key in users),
        *(Principal(PrincipalKind.GROUP, key) for key in groups),
    ]
    some = st.frozensets(st.sampled_from(principals)) if principals else st.just(frozenset())
    return State(
        users,
        groups,
        members,
        {one.arn: one for one in applications},
        {one.arn: draw(some) for one in applications},
    )


def as_text(value: object) -> object:
    """Return *value* with booleans as they are written."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else value


ARN = "arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-123456789012345"
SETTINGS = st.sampled_from(
    [
        PLAIN,
        "manage: {require_email: true, users: authoritative, groups: authoritative}\n",
        "manage: {memberships: additive, assignments: additive, require_email: false}\n",
        "manage: {memberships: 'off', assignments: 'off', require_email: false}\n",
        PLAIN + "ignore: {users: [ignored-*], groups: [Builders, ignored-*]}\n",
    ]
)
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def gives_a_better_name(change: Change) -> bool:
    """Return whether *change* only renames a group from what the YAML takes for no name."""
    if not isinstance(change, Rename):
        return False
    old, new = change.before.key[1], change.after.key[1]
    return old != new == " ".join(old.split())


def as_yaml(declared: Declared) -> str:
    """Return a file that declares the users and groups of *declared*."""

    def item(kind: str, one: Listed) -> dict[str, object]:
        ends = {} if one.expires is None else {"expires": one.expires.isoformat()}
        return {kind: one.name, **ends}

    def person_of(one: DeclaredUser) -> dict[str, object]:
        if one.presence is Presence.EXTERNAL:
            return {"user_name": one.name, "state": "external"}
        user = one.user
        name = {"given_name": user.given_name, "family_name": user.family_name}
        return {
            "user_name": one.name,
            "name": name,
            "display_name": user.display_name,
            **({"title": user.title} if user.title else {}),
            **({"enterprise": {"department": user.department}} if user.department else {}),
            **({"email": user.email.value} if user.email else {}),
        }

    def group_of(one: DeclaredGroup) -> dict[str, object]:
        if one.presence is Presence.EXTERNAL:
            return {"name": one.name, "state": "external"}
        lists = {
            "members": [item("user", each) for each in one.members or ()],
            "include": [item("group", each) for each in one.include],
            "exclude": [item("user", each) for each in one.exclude],
        }
        rule = {key: list(values) for key, values in one.rule.conditions} if one.rule else None
        return {
            "name": one.name,
            **{key: some for key, some in lists.items() if some},
            **({"members_where": rule} if rule else {}),
        }

    found = {
        "users": list(map(person_of, declared.users)),
        "groups": list(map(group_of, declared.groups)),
    }
    return json.dumps(found, indent=1) + "\n"


def is_over(change: Change) -> bool:
    return isinstance(change, Delete) and change.reason is Reason.EXPIRED


def sources(declared: Declared, stay: Declared | None = None) -> object:
    """Return what the groups of *declared* include, as far as it is in *stay*, and their rules."""
    groups = (stay or declared).groups
    names = {folded(one.name) for one in groups}
    ours = {folded(one.name) for one in groups if one.presence is Presence.PRESENT}
    found = {
        folded(one.name): (
            {folded(each.name) for each in one.include} & names,
            one.rule and one.rule.conditions,
        )
        for one in declared.groups
    }
    return {key: said for key, said in found.items() if key in ours and any(said)}


class TestLaw:
    """What has been imported has nothing to plan, and importing it again changes nothing.

    But for groups that are renamed, because their names are none here.
    """

    @QUICK
    @given(before=live_states(), live=live_states(), text=SETTINGS, layout=st.sampled_from(Layout))
    def test_from_nothing_and_from_something_else(
        self, tmp_path: Path, before: State, live: State, text: str, layout: Layout
    ) -> None:
        repository = Repository(tmp_path / "r", text)
        for state in map(without_orphans, (before, live)):
            repository.adopt(state, layout=layout)
            whole = MemoryGateway.holding(state).state()
            assert compare(repository.declared, whole, NOW).changes == ()
            once = dict(repository.rewrite.contents)
            repository.adopt(state, layout=layout)
            assert repository.rewrite.contents == once

    @QUICK
    @given(before=live_states(), live=live_states(), data=st.data())
    def test_into_groups_of_groups(
        self, tmp_path: Path, before: State, live: State, data: st.DataObject
    ) -> None:
        """Neither does an include or a rule come by an import, nor does one go."""
        repository = Repository(tmp_path / "plain")
        repository.adopt(without_orphans(before))
        nested = data.draw(nestings(repository.declared, before))
        repository = Repository(tmp_path / "nested", identities=as_yaml(nested))
        live = without_orphans(live)
        repository.adopt(live)
        whole = MemoryGateway.holding(live).state()
        plan = compare(repository.declared, whole, NOW)
        assert [one for one in plan.changes if not is_over(one)] == []
        assert plan.unresolved == ()
        once = dict(repository.rewrite.contents)
        repository.adopt(live)
        assert repository.rewrite.contents == once
        assert sources(repository.declared) == sources(nested, repository.declared)

    @settings(QUICK, max_examples=50)
    @given(live=odd_states(), text=SETTINGS)
    def test_whatever_is_live(self, tmp_path: Path, live: State, text: str) -> None:
        repository = Repository(tmp_path / "r", text)
        repository.adopt(live)
        changes = compare(repository.declared, live, NOW).changes
        assert all(map(gives_a_better_name, changes))
        once = dict(repository.rewrite.contents)
        repository.adopt(live)
        assert repository.rewrite.contents == once
        for name, data in repository.rewrite.contents.items():
            if name != "instance.yaml" and data:
                read = yaml.load(data, Loader=yaml.BaseLoader)  # noqa: S506 (safe)
                assert as_text(yaml.safe_load(data)) == read


class TestEntries:
    """An entry says what is not default, in the fewest words."""

    def test_everything(self, tmp_path: Path) -> None:
        ann = person(
            "ann",
            display_name="Dr. Ann",
            honorific_prefix="Dr.",
            email=Email("ann@example.com", primary=True),
            phone_number=PhoneNumber("+1 555", "work", primary=False),
            address=PostalAddress(locality="Berlin", postal_code="10117", primary=True),
            photos=(Photo("https://example.com/a.png", primary=True),),
            role=Role("Lead"),
            birthdate="1990-01-31",
            title="No",
            employee_number="007",
            manager=UserName("Bob"),
        )
        bob = person("Bob", foreign=True)
        group = Group(GroupName("data"), "All: of them")
        live = State(
            people(ann, bob).users,
            {group_key("data"): group},
            {group_key("data"): frozenset({user_key("ann"), user_key("bob")})},
            {ApplicationArn("a"): Application(ApplicationArn("a"), "Wiki")},
            {ApplicationArn("a"): frozenset({Principal(PrincipalKind.GROUP, "data")})},
        )
        repository = Repository(tmp_path)
        assert repository.adopt(live, layout=Layout.ONE_FILE) == ()
        assert (
            repository.text("identities")
            == """\
users:
  - user_name: ann
    name: {given_name: A, family_name: B, honorific_prefix: Dr.}
    display_name: Dr. Ann
    email: ann@example.com
    phone_number: {value: "+1 555", type: work, primary: false}
    address: {locality: Berlin, postal_code: "10117"}
    title: "No"
    birthdate: "1990-01-31"
    photos:
      - {value: "https://example.com/a.png", primary: true}
    role: Lead
    enterprise: {employee_number: "007", manager: Bob}

  - user_name: Bob
    state: external

groups:
  - name: data
    description: "All: of them"
    members:
      - ann
      - Bob

applications:
  - name: Wiki
    assignments:
      groups:
        - data
"""
        )

    def test_layouts(self) -> None:
        assert file_for(Layout.BY_PREFIX, "groups", "AWS-Admins") == "groups/aws.yaml"
        assert file_for(Layout.BY_PREFIX, "users", "Émile") == "users/e.yaml"
        assert file_for(Layout.BY_PREFIX, "users", "名前") == "users/other.yaml"
        assert file_for(Layout.BY_KIND, "users", "ann") == "users.yaml"
        assert file_for(Layout.ONE_FILE, "groups", "a") == "identities.yaml"


class TestRemarks:
    """What cannot be said is told."""

    @pytest.mark.parametrize(
        ("user", "remark"),
        [
            (person("Administrator"), 'user/Administrator: left out, for its name: "Admin'),
            (person("a", given_name=None), "user/a: state: external, for it has no given_name"),
            (person("a", title="x\u202ey"), "user/a: title left out: "),
            (person("a", email=Email("x")), 'user/a: email left out: "x" is not an e-mail'),
            (person("a", email=Email(None)), "user/a: email left out: it has no value"),  # type: ignore[arg-type]
            (person("a", manager=UserName("a")), "user/a: manager left out: it leads back"),
            (person("a", manager=UserName("906-id")), "manager left out: user/906-id has no entry"),
            (person("a", photos=(Photo("x"),) * 4), "user/a: photos left out"),
        ],
    )
    def test_users(self, tmp_path: Path, user: User, remark: str) -> None:
        (told,) = Repository(tmp_path).adopt(people(user))
        assert remark in told

    def test_an_address_that_is_not_primary_stays_so(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        emails = (Email("a@x.org"), Email("b@x.org", "work"), Email("c@x.org", primary=False))
        live = people(*(person(f"p{n}", email=one) for n, one in enumerate(emails)))
        (told,) = repository.adopt(live)
        assert told.startswith("users: 2 with an e-mail address that is not marked as primary")
        assert "    email: {value: a@x.org}\n" in repository.text("users")
        assert compare(repository.declared, live, NOW).changes == ()
        repository.rewrite.put(
            "users.yaml", repository.text("users").replace("{value: a@x.org}", "a@x.org").encode()
        )
        (change,) = compare(repository.declared, live, NOW).changes
        after = person("p0", email=Email("a@x.org", primary=True))
        assert change == Update(person("p0", email=Email("a@x.org")), after)

    def test_a_display_name_is_no_must(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        live = people(person("ann", display_name=None), person("bob", display_name="x\u202ey"))
        (told,) = repository.adopt(live)
        assert "user/bob: display_name left out" in told
        assert "external" not in repository.text("users")
        assert compare(repository.declared, live, NOW).changes == ()

    def test_names_that_look_alike(self, tmp_path: Path) -> None:
        ann, forged = person("ann"), person("\u0430nn")
        (told,) = Repository(tmp_path).adopt(people(ann, forged))
        assert told == (
            "user/\u0430nn: left out, for its name: it looks like user/ann, but has"
            " U+0430 CYRILLIC SMALL LETTER A"
        )

    def test_names_that_look_alike_and_are_owned_elsewhere(self, tmp_path: Path) -> None:
        ann, forged = person("ann", foreign=True), person("\u0430nn", foreign=True)
        assert not Repository(tmp_path).adopt(people(ann, forged))

    def test_a_required_email_address(self, tmp_path: Path) -> None:
        ann, bob = (
            person(name, email=Email("X@example.com", primary=True)) for name in ("ann", "bob")
        )
        repository = Repository(tmp_path, "")
        told = repository.adopt(people(ann, bob, person("carl")))
        assert told == (
            "user/bob: email left out: user/ann has it, too",
            "user/bob: state: external, for it has no email that can be written",
            "user/carl: state: external, for it has no email that can be written",
        )

    def test_lists_that_would_not_be_complete(self, tmp_path: Path) -> None:
        # What is ignored would be the second one, too.
        bad, group = person("x\u034fy"), Group(GroupName("g"))
        arn = ApplicationArn(ARN + "1")
        live = State(
            people(bad, person("xzy")).users,
            {group_key("g"): group},
            {group_key("g"): frozenset({user_key(bad.user_name)})},
            {arn: Application(arn, "Wiki")},
            {
                arn: frozenset(
                    {
                        Principal(PrincipalKind.USER, user_key(bad.user_name)),
                        Principal(PrincipalKind.USER, "gone", orphan=True),
                    }
                )
            },
        )
        repository = Repository(tmp_path)
        told = "\n".join(repository.adopt(live))
        assert "members left out, so not managed" in told
        assert "assignments left out, so not managed" in told
        assert "the deleted user gone cannot be declared" in told
        assert repository.text("groups") == "groups:\n  - name: g\n"


def grouped(name: str, *users: User, foreign: bool = False) -> State:
    """Return a state with one group, whose members are *users*, and an application for it."""
    arn = ApplicationArn(ARN + "1")
    key = group_key(name)
    return State(
        people(*users).users,
        {key: Group(GroupName(name), foreign=foreign)},
        {key: frozenset(user_key(one.user_name) for one in users)},
        {arn: Application(arn, "Wiki")},
        {arn: frozenset({Principal(PrincipalKind.GROUP, key)})},
    )


class TestNames:
    """A name that AWS takes and the YAML does not never costs a whole list."""

    @pytest.mark.parametrize(
        ("name", "better", "said"),
        [
            (" Data", "Data", '" Data"'),
            ("Data\t", "Data", '"Data\\t"'),
            ("Da\nta ", "Da ta", '"Da\\nta "'),
            ("Da\u00a0ta", "Da ta", '"Da\\_ta"'),
            ("\u00a0Dát\u3000a", "Dát a", '"\\_Dát\u3000a"'),
        ],
    )
    def test_a_group_gets_a_better_one(
        self, tmp_path: Path, name: str, better: str, said: str
    ) -> None:
        repository, live = Repository(tmp_path), grouped(name, person("ann"))
        (told,) = repository.adopt(live)
        assert told.startswith(f"group/{better}: is called ")
        assert repository.text("groups") == (
            f"groups:\n  - name: {better}\n    previous_names:\n      - {said}\n"
            "    members:\n      - ann\n"
        )
        assert f"groups:\n        - {better}\n" in repository.text("applications")
        (change,) = compare(repository.declared, live, NOW).changes
        assert change == Rename(Group(GroupName(name)), Group(GroupName(better)))

    @pytest.mark.parametrize(
        ("name", "entries"),
        [
            (" Data", "groups:\n  - name: Data\n    state: absent\n"),
            (" D\u0430ta", "groups:\n  - name: Data\n    state: external\n"),
        ],
        ids=["another one's name", "a look-alike"],
    )
    def test_a_group_gets_no_name_that_is_not_free(
        self, tmp_path: Path, name: str, entries: str
    ) -> None:
        repository, live = Repository(tmp_path, a=entries), grouped(name, person("ann"))
        if "external" in entries:
            live = replace(
                live, groups={**live.groups, group_key("Data"): Group(GroupName("Data"))}
            )
        (told,) = repository.adopt(live)
        assert "its name cannot be written" in told
        assert f'ignore:\n  groups:\n    - "{name}"\n' in repository.text("instance")
        assert compare(repository.declared, live, NOW).changes == ()

    def test_an_entry_that_is_there_gets_the_name_of_before(self, tmp_path: Path) -> None:
        text = "groups:\n  - {name: Data, members: [ann]} # ours\nusers:\n  - user_name: ann\n"
        repository = Repository(tmp_path, a=text + "    state: external\n")
        live = grouped("Data ", person("ann", foreign=True))
        repository.adopt(live, only=frozenset({("group", "data ")}))
        entry = '{name: Data, previous_names: ["Data "], members: [ann]} # ours'
        assert entry in repository.text("a")

    def test_another_unicode_form_is_no_other_name(self, tmp_path: Path) -> None:
        live = grouped("e\u0301quipe", person("jose\u0301"))
        repository = Repository(tmp_path)
        assert repository.adopt(live) == ()
        assert "user_name: jos\u00e9\n" in repository.text("users")
        assert "name: \u00e9quipe\n" in repository.text("groups")
        assert compare(repository.declared, live, NOW).changes == ()

    @pytest.mark.parametrize(
        ("live", "pattern"),
        [
            (grouped("Data", person("x\u034fy"), person("ann")), 'users:\n    - "x?y"\n'),
            (grouped("Data", person("ann"), person("\u0430nn")), "users:\n    - \u0430nn\n"),
            (
                grouped("Data", person("Administrator", foreign=True), person("ann")),
                "users:\n    - Administrator\n",
            ),
            (grouped(" Data[1]", person("ann"), foreign=True), 'groups:\n    - " Data[[]1]"\n'),
        ],
        ids=["no shape", "look-alike", "reserved", "foreign"],
    )
    def test_what_cannot_be_said_is_ignored(
        self, tmp_path: Path, live: State, pattern: str
    ) -> None:
        repository = Repository(tmp_path)
        (told,) = repository.adopt(live)
        assert "ignored from now on (ignore in instance.yaml)" in told
        assert repository.text("instance") == f"{INSTANCE}{PLAIN}ignore:\n  {pattern}"
        declared = repository.declared
        assert compare(declared, live, NOW).changes == ()
        assert all(one.members is not None for one in declared.groups)
        assert all(one.managed for one in declared.applications)

    def test_what_is_ignored_already_stays_so(self, tmp_path: Path) -> None:
        lists = "ignore: # theirs\n  groups: [AWS*] # Control Tower\n  users: [bot-*, x]\n"
        repository = Repository(tmp_path, PLAIN + lists)
        repository.adopt(grouped("Data", person("x\u034fy"), person("ann")))
        assert repository.text("instance") == INSTANCE + PLAIN + lists.replace("x]", 'x, "x?y"]')

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("ignore:\n  groups: [a]\n", 'ignore:\n  users:\n    - "x?y"\n  groups: [a]\n'),
            ("ignore: {groups: [a]} # b\n", 'ignore: {users: ["x?y"], groups: [a]} # b\n'),
            ("ignore: {}\n", 'ignore: {users: ["x?y"]}\n'),
            ("ignore:\n  users: []\n", 'ignore:\n  users: ["x?y"]\n'),
            ("account_access: list\n", 'ignore:\n  users:\n    - "x?y"\naccount_access: list\n'),
        ],
    )
    def test_patterns_go_where_fmt_has_them(self, tmp_path: Path, before: str, after: str) -> None:
        repository = Repository(tmp_path, PLAIN + before)
        repository.adopt(grouped("Data", person("x\u034fy"), person("ann")))
        assert repository.text("instance") == INSTANCE + PLAIN + after
        repository.declared  # noqa: B018 (raises where it is not valid)

    def test_whom_no_list_names_is_only_told(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        (told,) = repository.adopt(people(person("x\u034fy")))
        assert "left out, for its name" in told
        assert "ignore" not in repository.text("instance")


COMMENTED = """\
# People.
users:
  # The boss.
  - user_name: ann # since 2019
    name: {given_name: A, family_name: B}
    title: Old # to be settled
    nick_name: null

  # Has left.
  - user_name: bob
    name: {given_name: A, family_name: B}

  - {user_name: eve, name: {given_name: A, family_name: B}}

groups:
  - name: data # ours
    members:
      - ann # lead
      # a guest
      - {user: bob, expires: 2030-01-01}
      - eve
"""
MERGED = """\
# People.
users:
  # The boss.
  - user_name: ann # since 2019
    name: {given_name: A, family_name: B}
    title: New # to be settled
    nick_name: null

  - {user_name: eve, name: {given_name: A, family_name: B}}

  - user_name: carl
    name: {given_name: A, family_name: B}

groups:
  - name: data # ours
    members:
      - ann # lead
      # a guest
      - carl
"""


class TestMerging:
    """What is there already stays as it is written."""

    def test_comments_order_and_quotes_stay(self, tmp_path: Path) -> None:
        live = State(
            people(person("ann", title="New"), person("carl"), person("eve")).users,
            {group_key("data"): Group(GroupName("data"), "Data")},
            {group_key("data"): frozenset({user_key("ann"), user_key("carl")})},
        )
        repository = Repository(tmp_path, identities=COMMENTED)
        assert repository.adopt(live) == ()
        assert repository.text("identities") == MERGED

    @pytest.mark.parametrize("kind", PrincipalKind)
    def test_a_list_is_emptied_as_another_one_begins(
        self, tmp_path: Path, kind: PrincipalKind
    ) -> None:
        arn = ApplicationArn("a")
        other = next(one for one in PrincipalKind if one is not kind)
        groups = {group_key(name): Group(GroupName(name)) for name in ("ann", "bob")}
        names = [Principal(kind, "ann")], [Principal(kind, "bob"), Principal(other, "bob")]
        repository = Repository(tmp_path)
        for principals in names:
            live = State(
                people(person("ann"), person("bob")).users,
                groups,
                {key: frozenset() for key in groups},
                {arn: Application(arn, "Wiki")},
                {arn: frozenset(principals)},
            )
            repository.adopt(live, layout=Layout.ONE_FILE)
            assert compare(repository.declared, live, NOW).changes == ()

    def test_windows_line_ends_stay(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        repository.rewrite.put("a.yaml", b"users:\r\n  - user_name: ann\r\n    state: absent\r\n")
        repository.adopt(people(person("ann"), person("bob")))
        text = repository.text("a")
        assert text.count("\n") == text.count("\r\n") == 5

    def test_only(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        live = people(person("ann"), person("bob"))
        repository.adopt(live, only=frozenset({("user", "bob")}))
        assert repository.text("users").count("user_name") == 1


EXPIRED = """\
groups:
  - name: data
    members: [ann, {user: bob, expires: 2026-02-01, reason: T-9}, {user: eve, expires: 2030-01-01}]
  - name: gone
    members:
      - ann
      - {user: bob, expires: 2026-02-01} # applied
users:
  - {user_name: ann, state: external}
  - {user_name: bob, state: external}
  - {user_name: eve, state: external}
  - {user_name: zoe, state: external}
"""


class TestAccess:
    """An import grants nothing that nobody has granted, and says what nobody has reviewed."""

    def live(self, *members: str) -> State:
        names = ("ann", "bob", "eve", "zoe")
        users = people(*(person(name, foreign=True) for name in names)).users
        groups = {group_key(name): Group(GroupName(name)) for name in ("data", "gone")}
        return State(
            users,
            groups,
            {
                group_key("data"): frozenset(map(user_key, members)),
                group_key("gone"): frozenset({user_key("ann")}),
            },
        )

    def test_what_has_expired_stays_expired(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path, a=EXPIRED)
        live = self.live("ann", "bob", "eve")
        (told,) = repository.adopt(live)
        assert repository.text("a") == EXPIRED
        assert told == (
            "membership/data/bob: has expired (a.yaml:3:20) and is still live; it stays expired, "
            "and the next plan removes it: give it a later date if it shall stay"
        )
        (change,) = compare(repository.declared, live, NOW).changes
        assert change == Delete(Membership(GroupName("data"), UserName("bob")), Reason.EXPIRED)

    def test_what_is_yet_to_start_stays_so(self, tmp_path: Path) -> None:
        text = EXPIRED.replace("expires: 2026-02-01", "starts: 2030-01-01")
        repository = Repository(tmp_path, a=text)
        live = self.live("ann", "bob", "eve")
        (told,) = repository.adopt(live)
        assert repository.text("a") == text
        assert told == (
            "membership/data/bob: is yet to start (a.yaml:3:20) and is live; it stays so, and the "
            "next plan removes it until then: take `starts` out if it shall stay"
        )
        (change,) = compare(repository.declared, live, NOW).changes
        assert change == Delete(Membership(GroupName("data"), UserName("bob")), Reason.UNLISTED)

    def test_one_goes_and_one_comes_beside_it(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path, a=EXPIRED)
        repository.adopt(self.live("bob", "zoe"))
        new = "[{user: bob, expires: 2026-02-01, reason: T-9}, zoe]"
        assert new in repository.text("a")
        assert repository.adopted.unlisted == ("membership/data/zoe",)

    def test_what_nobody_has_reviewed_is_counted(self, tmp_path: Path) -> None:
        repository = Repository(tmp_path)
        repository.adopt(self.live("ann", "eve"))
        assert repository.adopted.unreviewed == 3
        assert repository.adopted.unlisted == ()

    def test_a_deletion_that_is_taken_back_is_told(self, tmp_path: Path) -> None:
        text = "users:\n  - user_name: ann\n    state: absent\n"
        repository = Repository(tmp_path, a=text)
        (told,) = repository.adopt(people(person("ann")))
        assert told == ("user/ann: state: absent (a.yaml:2:5) is taken back, for it is still live")

    def test_keys_in_braces_that_are_not_declared_stay_so(self, tmp_path: Path) -> None:
        entry = "{user_name: ann, title: T, name: {given_name: X, family_name: B}} # boss"
        repository = Repository(tmp_path, a=f"users:\n  - {entry}\n")
        repository.adopt(people(person("ann", middle_name="Q", nick_name="N")))
        assert repository.text("a") == (
            "users:\n  - {user_name: ann, name: {given_name: A, family_name: B}} # boss\n"
        )

    def test_a_section_that_becomes_empty_goes(self, tmp_path: Path) -> None:
        text = """\
users:
  - user_name: ann
    name: {given_name: A, family_name: B}
    enterprise:
      department: D # old
"""
        repository = Repository(tmp_path, a=text)
        live = people(person("ann", manager=UserName("eve")), person("eve"))
        repository.adopt(live, only=frozenset({("user", "ann")}))
        assert "enterprise" not in repository.text("a")


class TestSize:
    """Two thousand users."""

    def test_law(self, tmp_path: Path) -> None:
        users = [
            person(f"user{n:05}", email=Email(f"u{n}@example.com", primary=True), title="Engineer")
            for n in range(2_000)
        ]
        groups = {group_key(f"g{n}"): Group(GroupName(f"g{n}")) for n in range(100)}
        keys = [user_key(one.user_name) for one in users]
        members = {key: frozenset(keys[n::100]) for n, key in enumerate(groups)}
        live = State(people(*users).users, groups, members)
        repository = Repository(tmp_path, "")
        assert repository.adopt(live) == ()
        assert compare(repository.declared, live, datetime(2026, 3, 1, tzinfo=UTC)).changes == ()
        once = dict(repository.rewrite.contents)
        repository.adopt(live)
        assert repository.rewrite.contents == once
