"""Lets a session in, or shows it the way to the provider. Nothing of the store is read before."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Final

import streamlit as st

from rootspan_dashboard.access.roles import Viewer, role_of
from rootspan_dashboard.access.settings import SignInSettings
from rootspan_dashboard.words.literal import escape

__all__ = ["admit", "current_viewer", "draw_who"]

_KEY: Final = "rootspan:viewer"


@cache
def _settings() -> SignInSettings:
    return SignInSettings()


def admit() -> Viewer | None:
    """Who looks; None, with a page that says what to do, for whom may not."""
    viewer = _viewer()
    st.session_state[_KEY] = viewer
    return viewer


def current_viewer() -> Viewer:
    """Who was admitted in this run; without sign-in, and before it, somebody who may only look."""
    found: Viewer | None = st.session_state.get(_KEY)
    return found or Viewer("", "viewer")


def draw_who() -> None:
    """Who is signed in, and the way out; nothing where nobody has to sign in."""
    if not _settings().required:
        return
    viewer = current_viewer()
    st.html(
        f'<div class="rs-side"><h4>Signed in</h4><p>{escape(viewer.name, most=80)} '
        f'<span class="rs-muted">{viewer.role}</span></p></div>'
    )
    st.button("Sign out", key="sign-out", type="tertiary", icon=":material/logout:", on_click=st.logout)


def _viewer() -> Viewer | None:
    settings = _settings()
    if not settings.required:
        return Viewer("", "viewer")
    claims: Mapping[str, object] = st.user.to_dict()
    if claims.get("is_logged_in") is not True:
        _page("Sign in", "This dashboard shows the fleet to people who are signed in.", "Sign in")
        return None
    name = str(claims.get("name") or claims.get("email") or claims.get("sub") or "")
    if is_old(claims, settings.session_hours):
        _page("Sign in again", f"It is more than {settings.session_hours:g} h since you did.", "Sign in")
        return None
    role = role_of(claims, settings)
    if role is None:
        _page(
            "You may not look here",
            f"{name} is signed in, but is in none of the groups that may see this dashboard.",
            "",
        )
        return None
    return Viewer(name, role)


def is_old(claims: Mapping[str, object], hours: float) -> bool:
    """Whether the provider signed these claims too long ago; claims without a time are too old."""
    signed = claims.get("iat")
    return not isinstance(signed, int | float) or time.time() - signed > hours * 3600


def _page(title: str, text: str, action: str) -> None:
    st.html('<div class="rs-brand"><i></i><i></i><i></i><b>rootspan</b></div>')
    heading = f'<h1 class="rs-title">{escape(title)}</h1>'
    st.html(f'<div class="rs-state" role="status">{heading}<p>{escape(text)}</p></div>')
    if action:
        st.button(action, key="sign-in", type="primary", icon=":material/login:", on_click=st.login)
    else:
        st.button("Sign out", key="sign-out", icon=":material/logout:", on_click=st.logout)
