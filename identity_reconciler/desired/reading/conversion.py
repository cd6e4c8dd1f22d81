"""Documents to declared values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.declared import (
    ApplicationSelector,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    Instance,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardSettings,
    MinMembers,
    PinnedMembers,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
)
from identity_reconciler.core.state import (
    ApplicationArn,
    Email,
    Group,
    GroupName,
    PhoneNumber,
    Photo,
    PostalAddress,
    Role,
    User,
    UserName,
)
from identity_reconciler.desired.model.approvals import ApprovalEntry
from identity_reconciler.desired.model.entries import (
    ApplicationEntry,
    GroupEntry,
    ListedGroup,
    ListedUser,
)
from identity_reconciler.desired.model.findings import ModelFinding
from identity_reconciler.desired.model.guards import BudgetSection, GuardsSection, RenameSection
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.model.people import (
    AddressEntry,
    EmailEntry,
    EnterpriseEntry,
    NameEntry,
    PhoneEntry,
    PhotoEntry,
    RoleEntry,
    UserEntry,
)
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
        privileged=PrivilegedNames(tuple(privileged.groups), tuple(privileged.applications)),
        rename=_rename(section.rename),
    )


def _budgets(section: GuardsSection) -> Budgets:
    told = section.budgets
    return Budgets(
        users=_budget(told.users, _BUDGETS.users),
        groups=_budget(told.groups, _BUDGETS.groups),
        memberships=_budget(told.memberships, _BUDGETS.memberships),
        assignments=_budget(told.assignments, _BUDGETS.assignments),
        expired=_budget(told.expired, _BUDGETS.expired),
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


def declared_settings(document: SettingsDocument) -> Settings:
    """Return what `instance.yaml` says."""
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
        guards=declared_guards(document.guards),
    )


_NO_NAME = NameEntry()
_NO_ENTERPRISE = EnterpriseEntry()
_PRESENCE = {str(one): one for one in Presence}


def declared_user(entry: UserEntry, place: Position, cleared: frozenset[str]) -> DeclaredUser:
    """Return the user that *entry* declares, with the fields that must have no value."""
    name = entry.name or _NO_NAME
    enterprise = entry.enterprise or _NO_ENTERPRISE
    both = f"{name.given_name} {name.family_name}" if name.given_name and name.family_name else ""
    user = User(
        user_name=UserName(entry.user_name),
        display_name=entry.display_name or both or None,
        given_name=name.given_name or None,
        family_name=name.family_name or None,
        middle_name=name.middle_name,
        honorific_prefix=name.honorific_prefix,
        honorific_suffix=name.honorific_suffix,
        formatted_name=name.formatted,
        nick_name=entry.nick_name,
        profile_url=entry.profile_url,
        email=_email(entry.email),
        phone_number=_phone_number(entry.phone_number),
        address=_address(entry.address),
        user_type=entry.user_type,
        title=entry.title,
        preferred_language=entry.preferred_language,
        locale=entry.locale,
        timezone=entry.timezone,
        website=entry.website,
        birthdate=entry.birthdate,
        photos=None if entry.photos is None else tuple(_photo(photo) for photo in entry.photos),
        role=_role(entry.role),
        employee_number=enterprise.employee_number,
        cost_center=enterprise.cost_center,
        organization=enterprise.organization,
        division=enterprise.division,
        department=enterprise.department,
        manager=None if enterprise.manager is None else UserName(enterprise.manager),
        cleared=cleared,
    )
    return DeclaredUser(user, place, _PRESENCE[entry.state], tuple(entry.previous_user_names))


def _email(entry: str | EmailEntry | None) -> Email | None:
    if entry is None or isinstance(entry, str):
        return None if entry is None else Email(entry)
    return Email(entry.value, entry.type or None, entry.primary)


def _phone_number(entry: str | PhoneEntry | None) -> PhoneNumber | None:
    if entry is None or isinstance(entry, str):
        return None if entry is None else PhoneNumber(entry)
    return PhoneNumber(entry.value, entry.type or None, entry.primary)


def _role(entry: str | RoleEntry | None) -> Role | None:
    if entry is None or isinstance(entry, str):
        return None if entry is None else Role(entry)
    return Role(entry.value, entry.type or None, entry.primary)


def _photo(entry: PhotoEntry) -> Photo:
    return Photo(entry.value, entry.type or None, entry.display or None, entry.primary)


def _address(entry: AddressEntry | None) -> PostalAddress | None:
    if entry is None:
        return None
    return PostalAddress(
        street_address=entry.street_address or None,
        locality=entry.locality or None,
        region=entry.region or None,
        postal_code=entry.postal_code or None,
        country=entry.country or None,
        formatted=entry.formatted or None,
        type=entry.type or None,
        primary=entry.primary,
    )


def cleared_fields(entry: UserEntry) -> frozenset[str]:
    """Return the fields of `User` for which the YAML says null."""
    documents = (entry, entry.name or _NO_NAME, entry.enterprise or _NO_ENTERPRISE)
    return frozenset(
        "formatted_name" if key == "formatted" else key
        for document in documents
        for key in document.model_fields_set
        if getattr(document, key) is None
    )


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
    )


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
    if entry.assignments is None:
        return DeclaredApplication(selector, place, managed=False)
    raw = fields["assignments"]
    lists = raw if isinstance(raw, Fields) else Fields(fields.mark)
    return DeclaredApplication(
        selector,
        place,
        users=_listed(entry.assignments.users, lists.get("users"), place.file),
        groups=_listed(entry.assignments.groups, lists.get("groups"), place.file),
    )


def _listed(
    items: Sequence[str | ListedUser | ListedGroup], raw: Value, file: str
) -> tuple[Listed, ...]:
    marks = raw.marks if isinstance(raw, Items) else ()
    return tuple(
        Listed(item, Position(file, mark.line + 1, mark.column + 1))
        if isinstance(item, str)
        else _entry(item, file, mark)
        for item, mark in zip(items, marks, strict=True)
    )


def _entry(item: ListedUser | ListedGroup, file: str, mark: Mark) -> Listed:
    name = item.user if isinstance(item, ListedUser) else item.group
    return Listed(name, position(file, mark), item.expires, item.reason or None)
