"""People sign in by a real OpenID provider, come back to the page that they asked for, and get a role."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import address, settle
from playwright.sync_api import Page, expect
from pydantic import ValidationError
from stage import DashboardProcess, Stage

from rootspan_cli.processes.ports import free_port
from rootspan_dashboard.access.return_path import wanted_path
from rootspan_dashboard.access.roles import role_of
from rootspan_dashboard.access.settings import SignInSettings
from support.processes import Process

PEOPLE = (
    {"sub": "olga", "name": "Olga <b>O</b>", "groups": ["sre"]},
    {"sub": "vera", "name": "Vera", "email": "vera@example.org", "email_verified": True, "groups": []},
    {"sub": "eve", "name": "Eve", "email": "sre", "groups": ["sales"]},
)
ASKED = {"issuer": "https://id.example.org", "client_id": "c", "client_secret": "s"}


class Provider(Process):
    """An OpenID provider on this machine: real discovery, codes, signed tokens; anybody is who they say."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        arguments = ["-m", "oidc_provider_mock", "--port", str(self.port), "--require-nonce", "true"]
        for one in PEOPLE:
            arguments += ["--user-claims", json.dumps(one)]
        super().__init__("provider", arguments, folder / "provider.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/.well-known/openid-configuration")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def guarded(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage's store behind a dashboard that wants people to sign in."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret").write_text("not on any command line\n")
    provider = Provider(folder)
    with provider.running():
        settings = {
            "ROOTSPAN_OIDC_ISSUER": provider.url,
            "ROOTSPAN_OIDC_CLIENT_ID": "rootspan",
            "ROOTSPAN_OIDC_CLIENT_SECRET_FILE": str(folder / "secret"),
            "ROOTSPAN_OIDC_OPERATORS": "sre",
            "ROOTSPAN_OIDC_VIEWERS": "vera@example.org",
        }
        dashboard = DashboardProcess(folder, stage.store.url, settings)
        with dashboard.running():
            yield Stage(
                stage.store, dashboard, stage.suspect, stage.from_ns, stage.to_ns, stage.fault_from_ns,
                stage.hostile_ns,
            )  # fmt: skip


def sign_in(page: Page, person: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/oauth2/authorize"))
    page.get_by_role("button", name=person).click()


@pytest.mark.browser
@pytest.mark.process
def test_nothing_is_shown_before_signing_in_and_the_link_that_was_opened_is_shown_after(
    guarded: Stage, page: Page
) -> None:
    wanted = address(guarded, "logs", severity="ERROR")
    page.goto(wanted)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    settle(page)
    assert page.get_by_test_id("stDataFrame").count() == page.get_by_test_id("stSidebar").count() == 0
    assert guarded.store.url not in page.content()
    sign_in(page, "vera")
    expect(page.locator(".rs-title")).to_have_text("Logs")
    expect(page).to_have_url(re.compile(r"/logs\?.*severity=ERROR"))
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Vera viewer")
    settle(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/oauth2/end_session"))
    page.goto(wanted)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.browser
@pytest.mark.process
def test_an_operator_records_a_change_that_a_viewer_is_not_offered_and_a_stranger_sees_nothing(
    guarded: Stage, page: Page
) -> None:
    page.context.clear_cookies()
    page.goto(address(guarded, "incidents"))
    sign_in(page, "eve")
    expect(page.get_by_text("You may not look here")).to_be_visible()
    page.context.clear_cookies()
    page.goto(address(guarded, "incidents"))
    sign_in(page, "vera")
    expect(page.locator(".rs-verdict").first).to_be_visible()
    settle(page)
    assert page.get_by_role("button", name="Record a change").count() == 0
    page.context.clear_cookies()
    page.goto(address(guarded, "incidents"))
    sign_in(page, "olga")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Olga <b>O</b> operator")
    page.get_by_role("button", name="Record a change").click()
    page.get_by_role("textbox", name="What was done").fill("rolled back <img src=x> 3.9")
    page.get_by_role("textbox", name="What was done").press("Tab")
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_text("Recorded").first).to_be_visible()
    told = guarded.store.query(
        "SELECT Kind, Text, Author, Source FROM rootspan_changes WHERE Source = 'dashboard'"
    )
    assert told == "deploy\trolled back <img src=x> 3.9\tOlga <b>O</b>\tdashboard"


def test_a_role_comes_from_the_claim_or_a_verified_address_and_from_nothing_else() -> None:
    settings = SignInSettings(**ASKED, operators="sre, boss@example.org", viewers="staff")
    assert role_of({"groups": ["sre"]}, settings) == "operator"
    assert role_of({"groups": "staff"}, settings) == "viewer"
    assert role_of({"email": "boss@example.org", "email_verified": True}, settings) == "operator"
    assert role_of({"email": "boss@example.org"}, settings) is None
    assert role_of({"email": "boss@example.org", "email_verified": "true"}, settings) is None
    assert role_of({"groups": [["sre"], {"sre": 1}], "name": "sre", "sub": "sre"}, settings) is None
    assert role_of({}, SignInSettings(**ASKED)) == "viewer"


def test_half_a_configuration_is_refused_and_says_what_is_missing() -> None:
    for given, words in (
        ({"client_id": "c"}, "ROOTSPAN_OIDC_ISSUER is not"),
        ({"issuer": "https://id.example.org", "client_id": "c"}, "ROOTSPAN_OIDC_CLIENT_SECRET"),
        ({"issuer": "https://id.example.org", "client_secret": "s"}, "ROOTSPAN_OIDC_CLIENT_ID"),
        (ASKED | {"issuer": "http://id.example.org"}, "https://"),
        (ASKED | {"cookie_secret": "short"}, "5 characters; it needs 32"),
        (ASKED | {"client_secret_file": "/no/such/file"}, "/no/such/file"),
    ):
        with pytest.raises(ValidationError, match=re.escape(words)):
            SignInSettings(**given)
    assert "s3cret" not in repr(SignInSettings(**ASKED | {"client_secret": "s3cret"}))


@pytest.mark.parametrize(
    ("referer", "path"),
    [
        ("https://rs.example.org/trace?trace=ab&rows=all", "/trace?trace=ab&rows=all"),
        ("https://evil.example.org/trace", ""),
        ("https://rs.example.org//evil.example.org/", ""),
        ("https://rs.example.org/logs?text=" + "x" * 3000, "/logs"),
        ("", ""),
    ],
)
def test_only_pages_of_this_site_are_returned_to(referer: str, path: str) -> None:
    assert wanted_path(referer, "rs.example.org") == path


def test_claims_are_old_after_the_session_s_hours_and_without_a_time() -> None:
    from rootspan_dashboard.access.gate import is_old

    assert not is_old({"iat": time.time() - 3000}, 1.0)
    assert is_old({"iat": time.time() - 3700}, 1.0)
    assert is_old({}, 1.0)
