"""Settings, read once from the environment (`ACADEMY_…`) and checked at start."""

from __future__ import annotations

import shlex
import shutil
from email.utils import getaddresses
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.mail import Mailer, is_address

ROOT = Path(__file__).resolve().parent.parent.parent


LOOPBACK = ("127.0.0.1", "::1", "localhost")


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what it must be."""


class Settings(BaseSettings):
    """Every setting the service reads. Names in the environment are these, upper case, with `ACADEMY_` before them."""

    model_config = SettingsConfigDict(env_prefix="ACADEMY_", extra="ignore", frozen=True)

    database_url: str = Field("sqlite:///var/academy.sqlite3", description="SQLite file (embedded default) or PostgreSQL 15+.")
    base_url: str = Field("http://127.0.0.1:8000", description="The address people open; used in e-mail links and for cookie flags.")
    demo: bool = Field(False, description="Demonstration mode: sign-in page lists personas, a banner on every page. Never for real people.")
    council_name: str = Field("Westmarch County Council", description="Shown in the page header and in e-mail.")
    service_name: str = Field("Social Work Academy", description="The service's name as people know it.")
    brand_colour: str = Field("#4c2c92", description="The council's colour, as #rrggbb.", pattern=r"^#[0-9a-fA-F]{6}$")
    contact_email: str = Field("academy@westmarch.example", description="Where people can ask a person for help.")
    contact_phone: str = Field("01632 960 100", description="Telephone for help.")
    smtp_url: str = Field("", description="smtp://, smtp+starttls:// or smtps:// with host and port. Empty: mail is written to mail_dir.")
    mail_dir: Path = Field(Path("var/mail"), description="Where mail is written as files while smtp_url is empty (demonstration only).")
    mail_from: str = Field("Social Work Academy <academy@westmarch.example>", description="Sender of every message.")
    idle_minutes: int = Field(60, ge=5, le=1440, description="A sign-in ends after this many minutes without a request.")
    session_hours: int = Field(12, ge=1, le=72, description="A sign-in ends after this many hours in any case.")
    threads: int = Field(2, ge=1, le=64, description="Requests worked on at once in one process; also its pooled connections.")
    request_seconds: int = Field(20, ge=1, le=600, description="Within so many seconds a request must arrive; files have longer.")
    max_body_kb: int = Field(256, ge=16, description="Largest request body in kilobytes, uploads excepted.")
    max_upload_mb: int = Field(50, ge=1, le=500, description="Largest form with files, in megabytes.")
    max_file_mb: int = Field(20, ge=1, le=500, description="Largest single file kept as evidence, in megabytes.")
    files_dir: Path | None = Field(None, description="Folder of the files people attach. Empty: beside the database.")
    scan_command: str = Field("", description="Command that scans a file for viruses, {path} standing for it. Empty: nobody scans.")
    head_officers: str = Field("", description="E-mail addresses of the people here who keep the daily head, with commas between them.")
    guard_key: str = Field("", description="Key under which names that people must not write are kept. Empty: nobody can.", repr=False)
    trusted_proxies: int = Field(0, ge=0, le=5, description="How many proxies in front set X-Forwarded-For; 0 ignores the header.")
    client_per_minute: int = Field(6000, ge=1, le=1_000_000, description="Requests a minute of an API client without a limit of its own.")
    token_minutes: int = Field(60, ge=5, le=1440, description="How long an API access token is good for.")
    webhook_private: str = Field("", description="Hosts inside our network, or host:port, with commas between: webhooks may go there.")
    scim_organisation: str = Field("", description="Code of the organisation that SCIM clients without a limit of their own provision.")
    scim_unknown_department: str = Field(
        "refuse",
        description="A department SCIM sends that is not here: refuse, or keep the word and leave the team.",
        pattern="^(refuse|keep)$",
    )
    oidc_issuer: str = Field("", description="The identity provider's issuer, exactly as its tokens name it. Empty: no single sign-on.")
    oidc_client_id: str = Field("", description="What the provider calls this service.", max_length=200)
    oidc_client_secret: str = Field("", description="The secret it gave this service.", repr=False)
    oidc_tenant: str = Field("", description="The tenant (`tid`) whose people may sign in.", max_length=200)
    oidc_subject_claim: str = Field("oid", description="The claim that says who somebody is: oid (Entra) or sub.", pattern="^(oid|sub)$")
    oidc_roles_claim: str = Field("roles", description="The claim that lists somebody's roles.", max_length=200, pattern=r"^[\w:/.-]+$")
    oidc_administrators_by_claim: bool = Field(False, description="May a claim make somebody an administrator?")
    oidc_scim_external_id_is_subject: bool = Field(False, description="Is SCIM's externalId the provider's object id?")
    local_passwords: bool = Field(True, description="off: only the identity provider signs people in, and break-glass accounts.")
    log_level: str = Field("info", description="debug, info, warning or error.", pattern="^(debug|info|warning|error)$")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith("postgres://"):
            value = "postgresql://" + value.removeprefix("postgres://")
        if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError("must be a whole address such as https://academy.example.gov.uk")
        return value.rstrip("/")

    @field_validator("oidc_issuer")
    @classmethod
    def _exact_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            raise ValueError("must be the issuer's whole https address")
        if parts.query or parts.fragment or parts.username or (value and not parts.hostname) or any(sign.isspace() for sign in value):
            raise ValueError("must be the issuer's address as its tokens name it, without query, fragment or password")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        if value:
            Mailer(value)  # says in words what is wrong
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        addresses = getaddresses([value])
        if len(addresses) != 1 or not is_address(addresses[0][1]):
            raise ValueError("must be one address, like Social Work Academy <academy@example.gov.uk>")
        return value

    @field_validator("head_officers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        if wrong := [one for one in value.split(",") if one.strip() and not is_address(one.strip())]:
            raise ValueError(f"must be e-mail addresses with commas between them; {wrong[0].strip()} is none")
        return value

    @model_validator(mode="after")
    def _no_demonstration_in_earnest(self) -> Settings:
        """Demonstration mode shares one password with everybody: it must never meet a public https address by accident."""
        if self.demo and self.secure:
            raise ValueError("ACADEMY_DEMO must not be set when ACADEMY_BASE_URL is https: demonstration passwords are public")
        if self.secure and not self.smtp_url:
            raise ValueError("ACADEMY_SMTP_URL is needed when ACADEMY_BASE_URL is https: nobody would get their messages")
        return self

    @model_validator(mode="after")
    def _single_sign_on_is_whole(self) -> Settings:
        """Half a provider signs nobody in; and without passwords there must be a provider."""
        if problem := sso_problem(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _files_fit_their_form(self) -> Settings:
        if self.max_file_mb > self.max_upload_mb:
            raise ValueError("ACADEMY_MAX_FILE_MB must not be more than ACADEMY_MAX_UPLOAD_MB: a form must hold at least one file")
        return self

    @field_validator("scan_command")
    @classmethod
    def _runs(cls, value: str) -> str:
        try:
            words = shlex.split(value)
        except ValueError as wrong:
            raise ValueError("must be a command as in a shell, with every quotation mark closed") from wrong
        if words and shutil.which(words[0]) is None:
            raise ValueError("must begin with a program that is installed here")
        return value

    @property
    def private_webhooks(self) -> frozenset[str]:
        """The hosts, or host:port, inside our own network that webhooks may go to, in small letters."""
        return frozenset(host.strip().lower() for host in self.webhook_private.split(",") if host.strip())

    @property
    def officers(self) -> list[str]:
        """The addresses to which the daily head goes, in small letters."""
        return [address.strip().lower() for address in self.head_officers.split(",") if address.strip()]

    @property
    def files_folder(self) -> Path:
        """Where attached files lie. Each SQLite file has a folder of its own name, so that two services never share one by accident."""
        if self.files_dir is not None:
            return self.files_dir
        if self.sqlite:
            return Path(self.database_url.removeprefix("sqlite:///")).with_suffix(".files")
        return Path("var/files")

    @property
    def sso(self) -> bool:
        """Is there an identity provider to sign people in?"""
        return bool(self.oidc_issuer)

    @property
    def oidc_redirect_uri(self) -> str:
        """The address here to which the provider sends people back; it must know it."""
        return f"{self.base_url}/auth/callback"

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or "localhost"

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


ENTRA = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")
SHARED_TENANTS = ("common", "organizations", "consumers")


def sso_problem(given: Settings) -> str:
    """What is missing or wrong in the settings of single sign-on taken together, in words; empty if nothing is."""
    if not given.oidc_issuer:
        if given.oidc_client_id or given.oidc_client_secret or given.oidc_tenant:
            return "ACADEMY_OIDC_ISSUER is missing: the other OIDC settings need it"
        return "" if given.local_passwords else "ACADEMY_LOCAL_PASSWORDS is off and there is no ACADEMY_OIDC_ISSUER: nobody could sign in"
    if not given.oidc_client_id or not given.oidc_client_secret:
        return "ACADEMY_OIDC_CLIENT_ID and ACADEMY_OIDC_CLIENT_SECRET are needed with ACADEMY_OIDC_ISSUER"
    if given.oidc_subject_claim == "oid" and not given.oidc_tenant:
        return "ACADEMY_OIDC_TENANT is needed: an object id means something only within its tenant (or set ACADEMY_OIDC_SUBJECT_CLAIM=sub)"
    parts = urlsplit(given.oidc_issuer)
    if parts.hostname == "sts.windows.net":
        return "ACADEMY_OIDC_ISSUER must be Entra's version 2.0 issuer: https://login.microsoftonline.com/TENANT/v2.0"
    if parts.hostname in ENTRA:
        tenant = parts.path.split("/")[1] if parts.path else ""
        if tenant in SHARED_TENANTS:
            return f"ACADEMY_OIDC_ISSUER must name your own tenant's id, not {tenant}: else other tenants' people could sign in"
        if parts.path != f"/{given.oidc_tenant}/v2.0":
            return "ACADEMY_OIDC_ISSUER must be https://login.microsoftonline.com/TENANT/v2.0 with the id in ACADEMY_OIDC_TENANT"
    if given.demo and not given.local_passwords:
        return "ACADEMY_LOCAL_PASSWORDS must be on in demonstration mode: its personas sign in here"
    return ""


def load(**overrides: Any) -> Settings:
    """Read the settings, or raise SettingsError in words. Overrides are for tests and the command line."""
    try:
        return Settings(**overrides)
    except ValidationError as wrong:
        lines = []
        for error in wrong.errors():
            name = "_".join(str(part) for part in error["loc"]).upper()
            lines.append(f"ACADEMY_{name}: {error['msg']}" if name else error["msg"])
        raise SettingsError("The settings are not right.\n" + "\n".join(lines)) from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return load()
