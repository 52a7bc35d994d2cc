"""Users and Groups with the attributes the Academy keeps, and no others: what stands here is what discovery tells.

Imports scim2_models, which costs memory: nothing that the service imports at its start may import this module.
"""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    External,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.resources.resource import AnyExtension

MOST_RESULTS = 200  # resources in one answer
MOST_OPERATIONS = 500  # in one bulk request
GUIDE = "https://www.rfc-editor.org/rfc/rfc6750"


class Name(ComplexAttribute):
    """What somebody is called."""

    family_name: Annotated[str | None, Required.true] = None
    """Last name."""

    given_name: Annotated[str | None, Required.true] = None
    """First name."""


class Email(ComplexAttribute):
    """The one e-mail address kept: at work, where sign-in and messages go."""

    value: Annotated[str | None, Required.true, Uniqueness.server] = None
    """Work e-mail address."""

    type: str | None = Field(None, examples=["work"])
    """Always "work"."""

    primary: bool | None = None
    """Kept only to be given back: there is one address."""


class UserGroup(ComplexAttribute):
    """A team somebody belongs to today."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the Group."""

    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The address of the Group."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The name of the team."""


class User(Resource[AnyExtension]):
    """Somebody of the organisation, as its directory has them."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """What the directory calls them, usually their sign-in name there. Unique in the organisation, without regard to case."""

    name: Annotated[Name | None, Required.true] = None
    """First and last name."""

    display_name: str | None = None
    """Kept only to be given back: the Academy shows first and last name."""

    title: str | None = None
    """Job title of their main post, from today."""

    active: Annotated[bool | None, Required.true] = None
    """Whether they may sign in; true where a new user does not say. False never makes anybody a leaver."""

    emails: list[Email] | None = None
    """The work e-mail address: one."""

    groups: Annotated[list[UserGroup] | None, Mutability.read_only] = None
    """The team they belong to today, if the directory keeps it as a Group."""


class Manager(ComplexAttribute):
    """The line manager, from today."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the manager's User."""

    ref: Reference["User"] | None = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the manager's User."""


class EnterpriseUser(Extension):
    """Employment, as the directory has it."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: Annotated[str | None, Uniqueness.server, CaseExact.true] = None
    """Employee number in HR's system. By it somebody already here is recognised."""

    organization: str | None = None
    """Name or code of the organisation that the client provisions; any other is refused."""

    division: str | None = None
    """Name or code of a part of the organisation. It tells departments of one name apart, and places somebody without a department."""

    department: str | None = None
    """Name or code of the team or other part of the organisation they belong to, from today."""

    manager: Manager | None = None
    """The line manager, from today."""


class Member(ComplexAttribute):
    """Somebody who belongs to the team today."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of a User."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the User."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always "User": a team has no teams as members."""


class Group(Resource[Any]):
    """A team, or another part of the organisation."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """The name of the team, in the Academy too."""

    members: list[Member] | None = None
    """Who belongs to it today. Somebody belongs to one team at a time: to add them here is to move them."""


Person = User[EnterpriseUser]
POLICY = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply, unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create
)  # Entra's ways
CORE, ENTERPRISE, GROUP = (str(model.__schema__) for model in (User, EnterpriseUser, Group))


def config(largest: int) -> ServiceProviderConfig:
    """What the service can do; `largest` is the size in bytes of the largest request."""
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=MOST_OPERATIONS, max_payload_size=largest),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="OAuth bearer token",
                description="A token of an API client with the scope scim, from /oauth/token or made for the client by an administrator.",
                spec_uri=Reference[External](GUIDE),
                primary=True,
            )
        ],
    )


def provider() -> ScimProvider:
    """The two kinds of resources and the extension."""
    return ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
        policy=POLICY,
    )
