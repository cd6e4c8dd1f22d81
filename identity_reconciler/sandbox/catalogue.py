"""The application providers of the sandbox, and a realistic set of applications to start with."""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX = "arn:aws:sso::aws:applicationProvider/"


@dataclass(frozen=True, slots=True)
class Provider:
    """What an application is made from."""

    name: str
    display_name: str
    description: str
    protocol: str = "OAUTH"
    """FederationProtocol: SAML or OAUTH."""
    configurable: bool = True
    """Whether PutApplicationAssignmentConfiguration works for its applications."""

    @property
    def arn(self) -> str:
        """The ApplicationProviderArn."""
        return _PREFIX + self.name


ACCESS_PROVIDER = Provider(
    "account-access", "AWS account access", "Access to AWS accounts with their IAM roles"
)
"""The provider of the application that account access manager makes; its name is assumed."""

# `custom-saml` and `codewhisperer` are observed in published code; the other names are assumed.
_PROVIDERS = (
    Provider("custom", "Custom application", "Customer managed OAuth 2.0 application"),
    Provider("custom-saml", "Custom SAML 2.0 application", "Customer managed", "SAML"),
    Provider("redshift", "Amazon Redshift", "Data warehouse"),
    Provider("quicksight", "Amazon QuickSight", "Dashboards"),
    Provider("sagemaker", "Amazon SageMaker Studio", "Machine learning workbench"),
    Provider("qbusiness", "Amazon Q Business", "Assistant for company data"),
    Provider("codewhisperer", "Amazon Q Developer", "Assistant for developers"),
    Provider("athena", "Amazon Athena", "Queries on files"),
    Provider("emr", "Amazon EMR Studio", "Notebooks on clusters"),
    Provider("lakeformation", "AWS Lake Formation", "Permissions on data lakes"),
    Provider("grafana", "Amazon Managed Grafana", "Metrics", "SAML"),
    Provider("monitron", "Amazon Monitron", "Equipment monitoring"),
    Provider("transfer", "AWS Transfer Family web apps", "File transfer"),
    # Observed to refuse PutApplicationAssignmentConfiguration.
    Provider("client-vpn", "AWS Client VPN", "Remote access", "SAML", configurable=False),
    ACCESS_PROVIDER,
)


def in_partition(arn: str, partition: str) -> str:
    """Return the ARN of a provider as another partition spells it."""
    return f"arn:{partition}:{arn.split(':', 2)[2]}"


def provider_of(arn: str) -> Provider | None:
    """Return the provider with an ARN of any partition."""
    return PROVIDERS.get(in_partition(arn, "aws"))


PROVIDERS: dict[str, Provider] = {provider.arn: provider for provider in _PROVIDERS}
"""Every provider by its ARN in the partition `aws`, in the order they are listed."""

CUSTOM = _PREFIX + "custom"
"""The provider of applications that say no other."""

CATALOGUE: tuple[tuple[str, str], ...] = tuple(
    (provider.display_name, provider.arn)
    for provider in _PROVIDERS
    if provider is not ACCESS_PROVIDER and not provider.name.startswith("custom")
)
"""Name and provider of the applications that an instance of the demo has from the start."""


def provider_for(name: str) -> str:
    """Return the provider of the catalogue's application called *name*, or the custom one."""
    return dict(CATALOGUE).get(name, CUSTOM)
