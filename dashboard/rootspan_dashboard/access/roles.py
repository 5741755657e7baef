"""What a person may do, from the claims that the provider signed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rootspan_dashboard.access.settings import SignInSettings

__all__ = ["Role", "Viewer", "role_of"]

Role = Literal["viewer", "operator"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks.

    Attributes:
        name: As the provider tells it; empty where nobody has to sign in.
        role: A `viewer` sees everything; an `operator` may also record changes.
    """

    name: str
    role: Role

    @property
    def may_record(self) -> bool:
        """Whether this person may write to the store."""
        return self.role == "operator"


def role_of(claims: Mapping[str, object], settings: SignInSettings) -> Role | None:
    """The role that the claims give; None if this person may not look.

    An e-mail address counts only if the provider says that it is verified: anybody may type one.
    """
    told = claims.get(settings.roles_claim)
    listed = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    names = {one for one in listed if isinstance(one, str)}
    if claims.get("email_verified") is True and isinstance(claims.get("email"), str):
        names.add(str(claims["email"]))
    if names & settings.operators:
        return "operator"
    return "viewer" if not settings.viewers or names & settings.viewers else None
