"""Configuration of the sign-in, from ROOTSPAN_OIDC_* environment variables; validated before any I/O.

Secrets come by the environment or by a file, never by a command line, and are never shown.
"""

import secrets
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

__all__ = ["CALLBACK", "SignInSettings"]

CALLBACK: Final = "/oauth2callback"
"""Path to which the provider sends a browser back; it is Streamlit's."""
SHORTEST_COOKIE_SECRET: Final = 32


def _named(name: str) -> AliasChoices:
    return AliasChoices(name.removeprefix("ROOTSPAN_OIDC_").lower(), name)


class SignInSettings(BaseSettings):
    """How people sign in. Without an issuer nobody has to, and everybody is a viewer."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    issuer: str = Field(
        default="",
        validation_alias=_named("ROOTSPAN_OIDC_ISSUER"),
        description="URL of the OpenID provider, as its tokens name it.",
    )
    client_id: str = Field(
        default="",
        validation_alias=_named("ROOTSPAN_OIDC_CLIENT_ID"),
        description="What the provider calls this dashboard.",
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_named("ROOTSPAN_OIDC_CLIENT_SECRET"),
        description="The client's secret.",
    )
    client_secret_file: Path | None = Field(
        default=None,
        validation_alias=_named("ROOTSPAN_OIDC_CLIENT_SECRET_FILE"),
        description="A file that holds the client's secret, instead of the variable.",
    )
    cookie_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_named("ROOTSPAN_OIDC_COOKIE_SECRET"),
        description="Signs the cookies, at least 32 characters. Default: drawn at start, so that a restart "
        "signs everybody out.",
    )
    public_url: str = Field(
        default="",
        validation_alias=_named("ROOTSPAN_OIDC_PUBLIC_URL"),
        description="Where browsers find the dashboard. Default: where it listens.",
    )
    scopes: str = Field(
        default="openid email profile",
        validation_alias=_named("ROOTSPAN_OIDC_SCOPES"),
        description="What is asked of the provider.",
    )
    roles_claim: str = Field(
        default="groups",
        validation_alias=_named("ROOTSPAN_OIDC_ROLES_CLAIM"),
        description="The claim that lists a person's groups or roles.",
    )
    viewers: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        validation_alias=_named("ROOTSPAN_OIDC_VIEWERS"),
        description="Who may look: groups, or verified e-mail addresses, separated by commas. Default: "
        "whoever the provider lets in.",
    )
    operators: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        validation_alias=_named("ROOTSPAN_OIDC_OPERATORS"),
        description="Who may also record changes: groups, or verified e-mail addresses. Default: nobody.",
    )
    session_hours: float = Field(
        default=12.0,
        gt=0,
        le=720,
        validation_alias=_named("ROOTSPAN_OIDC_SESSION_HOURS"),
        description="After so many hours a person has to sign in again, and roles are read anew.",
    )

    @field_validator("viewers", "operators", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(one.strip() for one in value.split(",") if one.strip())
        return value

    @field_validator("issuer", "public_url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError(f"{value!r} is no URL; give one such as https://accounts.example.org")
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme == "http" and not local:
            raise ValueError(f"{value!r} is not encrypted; outside of this machine it has to be https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> "SignInSettings":
        if not self.issuer:
            given = [name for name in ("client_id", "viewers", "operators") if getattr(self, name)]
            if given:
                names = ", ".join(f"ROOTSPAN_OIDC_{name.upper()}" for name in given)
                raise ValueError(f"{names} is set but ROOTSPAN_OIDC_ISSUER is not: nobody would sign in")
            return self
        if not self.client_id:
            raise ValueError("ROOTSPAN_OIDC_ISSUER is set but ROOTSPAN_OIDC_CLIENT_ID is not")
        if not self._client_secret():
            raise ValueError(
                "ROOTSPAN_OIDC_ISSUER is set but neither ROOTSPAN_OIDC_CLIENT_SECRET nor "
                "ROOTSPAN_OIDC_CLIENT_SECRET_FILE is"
            )
        key = self.cookie_secret.get_secret_value()
        if key and len(key) < SHORTEST_COOKIE_SECRET:
            raise ValueError(
                f"ROOTSPAN_OIDC_COOKIE_SECRET has {len(key)} characters; it needs {SHORTEST_COOKIE_SECRET}"
            )
        return self

    @property
    def required(self) -> bool:
        """Whether people have to sign in."""
        return bool(self.issuer)

    def _client_secret(self) -> str:
        if self.client_secret_file is None:
            return self.client_secret.get_secret_value()
        try:
            return self.client_secret_file.read_text(encoding="utf-8").strip()
        except OSError as err:
            raise ValueError(f"ROOTSPAN_OIDC_CLIENT_SECRET_FILE: {err}") from err

    def streamlit_secrets(self, listens_at: str) -> dict[str, dict[str, object]]:
        """What Streamlit's sign-in wants to know; empty where nobody has to sign in.

        Args:
            listens_at: The dashboard's own URL.
        """
        if not self.required:
            return {}
        return {
            "auth": {
                "redirect_uri": (self.public_url or listens_at) + CALLBACK,
                "cookie_secret": self.cookie_secret.get_secret_value() or secrets.token_urlsafe(48),
                "client_id": self.client_id,
                "client_secret": self._client_secret(),
                "server_metadata_url": f"{self.issuer}/.well-known/openid-configuration",
                "client_kwargs": {"scope": self.scopes},
            }
        }
