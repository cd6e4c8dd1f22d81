"""Documents to declared values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.attributes import USER_ATTRIBUTES, Structure
from identity_reconciler.core.declared import (
    ApplicationSelector,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredRepository,
    DeclaredUser,
    Ignore,
    Instance,
    Listed,
    ManageLinks,
    ManageObjects,
    MembersRule,
    Presence,
    ReviewRecord,
    ReviewTerms,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardSettings,
    MaxMembers,
    MinMembers,
    MinOwners,
    MustExpire,
    PinnedMembers,
    Policies,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
    SeparatedDuties,
)
from identity_reconciler.core.ownership import NamePatterns
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.state import (
    ApplicationArn,
    Email,
    Group,
    GroupName,
    PrincipalKind,
    User,
    UserName,
)
from identity_reconciler.desired.model.approvals import ApprovalEntry
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.entries import (
    ApplicationEntry,
    ExcludedUser,
    GroupEntry,
    ListedGroup,
    ListedUser,
    MembersWhere,
    OwningGroup,
    ReviewedSection,
    ReviewSection,
)
from identity_reconciler.desired.model.findings import ModelFinding
from identity_reconciler.desired.model.guards import BudgetSection, GuardsSection, RenameSection
from identity_reconciler.desired.model.instance import RepositorySection, SettingsDocument
from identity_reconciler.desired.model.people import SECTIONS, UserEntry
from identity_reconciler.desired.model.policies import PoliciesDocument
from identity_reconciler.desired.yaml.tree import Fields, Items, Mark, Value, locate, position
from identity_reconciler.errors import Position

_BUDGETS = Budgets()


def declared_guards(section: GuardsSection) -> GuardSettings:
    """Return what *section* says, with the defaults for what it leaves out."""
    protected, privileged = section.protected, section.privileged
    return GuardSettings(
        budgets=_budgets(section),
        expect_live=ExpectLive(section.expect_live.users, section.expect_live.groups),
        wipe_from=section.wipe_from,
        protected=ProtectedNames(
            tuple(protected.users), tuple(protected.groups), tuple(protected.applications)
        ),
        min_members=tuple(MinMembers(one.group, one.least) for one in section.min_members),
        pinned_members=tuple(
            PinnedMembers(one.group, tuple(one.users)) for one in section.pinned_members
        ),
        administrators=tuple(section.administrators),
        privileged=PrivilegedNames(
            tuple(privileged.groups),
            tuple(privileged.applications),
            tuple(privileged.permission_sets),
            tuple(privileged.roles),
            tuple(privileged.accounts),
        ),
        rename=_rename(section.rename),
        review_grace=None if section.review_grace is None else _period(section.review_grace),
    )


def _period(text: str) -> Period:
    count, _, unit = text.partition(" ")
    return Period(int(count), PeriodUnit(unit.removesuffix("s")))


def _budgets(section: GuardsSection) -> Budgets:
    told = section.budgets
    return Budgets(
        users=_budget(told.users, _BUDGETS.users),
        groups=_budget(told.groups, _BUDGETS.groups),
        memberships=_budget(told.memberships, _BUDGETS.memberships),
        assignments=_budget(told.assignments, _BUDGETS.assignments),
        expired=_budget(told.expired, _BUDGETS.expired),
        renames=_budget(told.renames, _BUDGETS.renames),
    )


def _budget(told: BudgetSection, default: DeleteBudget) -> DeleteBudget:
    changed = default
    if told.floor is not None:
        changed = replace(changed, floor=told.floor)
    if told.percent is not None:
        changed = replace(changed, percent=told.percent)
    if told.ceiling is not None:
        changed = replace(changed, ceiling=told.ceiling)
    return changed


def _rename(told: RenameSection) -> RenameSigns:
    default = RenameSigns()
    return RenameSigns(
        default.likeness if told.likeness is None else told.likeness,
        default.shared if told.shared is None else told.shared,
    )


def guard_findings(document: SettingsDocument, root: Fields) -> Iterator[ModelFinding]:
    """Yield the budgets whose floor could never be reached, for it is above the ceiling."""
    budgets = _budgets(document.guards)
    for kind in Budgets.__dataclass_fields__:
        budget: DeleteBudget = getattr(budgets, kind)
        if budget.floor > budget.ceiling:
            said = f"the floor of {kind} ({budget.floor}) is above their ceiling"
            where = locate(root, ("guards", "budgets", kind), key=True)
            yield where, f"{said} ({budget.ceiling}); lower the one or raise the other"


def declared_approval(entry: ApprovalEntry, place: Position) -> Approval:
    """Return the approval that *entry* is."""
    return Approval(
        guard=entry.guard,
        on=entry.approved_on,
        expires=entry.expires,
        reason=entry.reason,
        addresses=tuple(entry.addresses or ()),
        kind=entry.kind,
        count=entry.count,
        approved_by=entry.approved_by or None,
        position=place,
    )


def declared_settings(document: SettingsDocument, root: Fields, file: str) -> Settings:
    """Return what `instance.yaml` says; *root* is what it was read from."""
    instance, manage, ignore = document.instance, document.manage, document.ignore
    return Settings(
        instance=Instance(
            name=instance.name,
            region=instance.region,
            account_id=instance.account_id,
            instance_arn=instance.instance_arn,
            identity_store_id=instance.identity_store_id,
            delegated_administrator=instance.delegated_administrator or None,
        ),
        users=ManageObjects(manage.users),
        groups=ManageObjects(manage.groups),
        memberships=ManageLinks(manage.memberships),
        assignments=ManageLinks(manage.assignments),
        ignore=Ignore(tuple(ignore.users), tuple(ignore.groups), tuple(ignore.applications)),
        rename_users=manage.rename_users,
        require_email=manage.require_email,
        account_access=AccountReading(document.account_access),
        lock=document.lock,
        repository=_repository(document.repository),
        guards=declared_guards(document.guards),
        places=places_in(root, file),
    )


def _repository(section: RepositorySection) -> DeclaredRepository:
    owns = section.owns
    patterns = NamePatterns(tuple(owns.users), tuple(owns.groups), tuple(owns.applications))
    return DeclaredRepository(section.name, patterns)


def declared_policies(
    document: PoliciesDocument, places: Mapping[SettingsPath, Position]
) -> Policies:
    """Return what `policies.yaml` says; *places* are those in it."""
    return Policies(
        separation_of_duties=tuple(
            SeparatedDuties(
                tuple(one.groups),
                tuple(one.applications),
                one.reason,
                places["separation_of_duties", number],
            )
            for number, one in enumerate(document.separation_of_duties)
        ),
        max_members=tuple(
            MaxMembers(one.groups, one.most, places["max_members", number])
            for number, one in enumerate(document.max_members)
        ),
        no_direct_assignments=tuple(document.no_direct_assignments),
        email_domains=tuple(document.email_domains),
        min_owners=tuple(
            MinOwners(
                tuple(one.groups),
                tuple(one.applications),
                one.least,
                places["min_owners", number],
            )
            for number, one in enumerate(document.min_owners)
        ),
        max_duration=document.max_duration,
        must_expire=MustExpire(
            tuple(document.must_expire.groups),
            tuple(document.must_expire.applications),
            document.must_expire.privileged,
        ),
        reason_pattern=document.reason_pattern,
    )


def places_in(root: Fields, file: str) -> Mapping[SettingsPath, Position]:
    """Return where each key and each item of a list in *file* stands."""
    return {path: position(file, mark) for path, mark in _places(root, ())}


def _places(value: Value, above: SettingsPath) -> Iterator[tuple[SettingsPath, Mark]]:
    """Yield the path and the place of each key and of each item of a list in *value*."""
    match value:
        case Fields():
            for key, below, mark, _ in value.rows():
                yield (*above, key), mark
                yield from _places(below, (*above, key))
        case Items():
            for number, (below, mark) in enumerate(zip(value, value.marks, strict=True)):
                yield (*above, number), mark
                yield from _places(below, (*above, number))
        case _:
            pass


_ATTRIBUTES = {
    section: {one.key: one for one in USER_ATTRIBUTES if one.section == section}
    for section in SECTIONS
}
_PRESENCE = {str(one): one for one in Presence}


def declared_user(entry: UserEntry, place: Position) -> DeclaredUser:
    """Return the user that *entry* declares; what it says null for must have no value."""
    values: dict[str, object] = {}
    cleared: set[str] = set()
    for section, attributes in _ATTRIBUTES.items():
        document = getattr(entry, section) if section else entry
        for key in document.model_fields_set if document else ():
            attribute = attributes.get(key)
            if attribute is not None:
                said = getattr(document, key)
                if said is None:
                    cleared.add(attribute.field)
                else:
                    values[attribute.field] = _value(said, attribute.structure)
    make: Callable[..., User] = User
    user = make(user_name=UserName(entry.user_name), cleared=frozenset(cleared), **values)
    return DeclaredUser(user, place, _PRESENCE[entry.state], tuple(entry.previous_user_names))


def _value(
    said: str | Document | list[Document], structure: Callable[..., Structure] | None
) -> object:
    """Return what *said* is in a `User`."""
    if structure is None:
        return said
    match said:
        case str():
            # An address alone is the primary one, as SCIM demands, and tools expect, of every
            # user. Source: developerguide/createuser.html.
            return Email(said, primary=True) if structure is Email else structure(said)
        case list():
            return tuple(_value(one, structure) for one in said)
        case _:
            return structure(**{key: part for key, part in said if part != ""})


def declared_group(entry: GroupEntry, fields: Fields, place: Position) -> DeclaredGroup:
    """Return the group that *entry* declares; *fields* is what it was read from."""
    cleared = "description" in entry.model_fields_set and entry.description is None
    return DeclaredGroup(
        group=Group(
            name=GroupName(entry.name),
            description=entry.description,
            cleared=frozenset({"description"} if cleared else ()),
        ),
        position=place,
        presence=_PRESENCE[entry.state],
        members=None
        if entry.members is None
        else _listed(entry.members, fields.get("members"), place.file),
        previous_names=tuple(entry.previous_names),
        owners=_owners(entry.owners, fields.get("owners"), place.file),
        review=_review(entry.review, fields.get("review"), place),
        reviewed=_reviewed(entry.reviewed, fields.get("reviewed"), place),
        include=_listed(entry.include, fields.get("include"), place.file),
        exclude=_listed(entry.exclude, fields.get("exclude"), place.file),
        rule=_rule(entry.members_where, fields.get("members_where"), place.file),
    )


def _rule(section: MembersWhere | None, raw: Value, file: str) -> MembersRule | None:
    if section is None or not isinstance(raw, Fields):
        return None
    said = ((name, getattr(section, name)) for name in MembersWhere.model_fields)
    conditions = tuple(
        (name, (values,) if isinstance(values, str) else tuple(values))
        for name, values in said
        if values is not None
    )
    return MembersRule(conditions, position(file, raw.mark))


def declared_application(
    entry: ApplicationEntry, fields: Fields, place: Position
) -> DeclaredApplication:
    """Return the application that *entry* declares; *fields* is what it was read from."""
    selector = ApplicationSelector(
        name=entry.name or None,
        arn=ApplicationArn(entry.arn) if entry.arn else None,
        provider=entry.provider or None,
        account=entry.account or None,
    )
    bare = DeclaredApplication(
        selector,
        place,
        managed=False,
        assignment_required=entry.assignment_required,
        owners=_owners(entry.owners, fields.get("owners"), place.file),
        review=_review(entry.review, fields.get("review"), place),
        reviewed=_reviewed(entry.reviewed, fields.get("reviewed"), place),
    )
    if entry.assignments is None:
        return bare
    raw = fields["assignments"]
    lists = raw if isinstance(raw, Fields) else Fields(fields.mark)
    return replace(
        bare,
        users=_listed(entry.assignments.users, lists.get("users"), place.file),
        groups=_listed(entry.assignments.groups, lists.get("groups"), place.file),
        managed=True,
    )


def _owners(items: Sequence[str | OwningGroup], raw: Value, file: str) -> tuple[DeclaredOwner, ...]:
    marks = raw.marks if isinstance(raw, Items) else ()
    return tuple(
        DeclaredOwner(PrincipalKind.USER, item, position(file, mark))
        if isinstance(item, str)
        else DeclaredOwner(PrincipalKind.GROUP, item.group, position(file, mark))
        for item, mark in zip(items, marks, strict=True)
    )


def _review(section: ReviewSection | None, raw: Value, place: Position) -> ReviewTerms | None:
    if section is None or not isinstance(raw, Fields):
        return None
    by = _owners(section.by, raw.get("by"), place.file)
    return ReviewTerms(_period(section.every), by, position(place.file, raw.mark))


def _reviewed(section: ReviewedSection | None, raw: Value, place: Position) -> ReviewRecord | None:
    if section is None or not isinstance(raw, Fields):
        return None
    return ReviewRecord(section.day, section.by, position(place.file, raw.mark))


def _listed(
    items: Sequence[str | ListedUser | ListedGroup | ExcludedUser], raw: Value, file: str
) -> tuple[Listed, ...]:
    marks = raw.marks if isinstance(raw, Items) else ()
    return tuple(
        Listed(item, Position(file, mark.line + 1, mark.column + 1))
        if isinstance(item, str)
        else _entry(item, file, mark)
        for item, mark in zip(items, marks, strict=True)
    )


def _entry(item: ListedUser | ListedGroup | ExcludedUser, file: str, mark: Mark) -> Listed:
    if isinstance(item, ExcludedUser):
        return Listed(item.user, position(file, mark), reason=item.reason or None)
    name = item.user if isinstance(item, ListedUser) else item.group
    place = position(file, mark)
    return Listed(name, place, item.expires, item.reason or None, starts=item.starts)
