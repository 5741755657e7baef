"""How the dashboard is run: local, headless, without telemetry, without secrets on its command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from stage import DashboardProcess

from rootspan_dashboard import DashboardSettings, SignInSettings, configuration, environment, is_exposed


def test_options_keep_it_local_and_quiet() -> None:
    settings = DashboardSettings(store="http://me:secret@127.0.0.1:8123/otel", port=9000)
    options = configuration(settings)
    assert options["server.address"] == "127.0.0.1"
    assert options["server.port"] == 9000
    assert options["browser.gatherUsageStats"] is False
    assert "secret" not in str(options)
    assert environment(settings)["ROOTSPAN_STORE"] == settings.store


def test_only_what_others_reach_without_signing_in_is_called_exposed() -> None:
    nobody, people = SignInSettings(), SignInSettings(
        issuer="https://id.example.org", client_id="c", client_secret="s"
    )  # fmt: skip
    assert is_exposed(DashboardSettings(address="0.0.0.0"), nobody)
    assert not is_exposed(DashboardSettings(address="0.0.0.0"), people)
    assert not is_exposed(DashboardSettings(), nobody)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_STORE", "http://store:1234/db")
    monkeypatch.setenv("ROOTSPAN_DASHBOARD_PORT", "9001")
    settings = DashboardSettings()
    assert (settings.store, settings.port, settings.url) == (
        "http://store:1234/db",
        9001,
        "http://127.0.0.1:9001",
    )


def test_a_port_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError):
        DashboardSettings(port=0)


def test_wrong_use_is_one_line_and_status_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rootspan_dashboard", "--store", "ftp://x"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "ftp://x" in done.stderr


@pytest.mark.process
def test_it_writes_nothing_to_the_users_home_and_stops_on_sigterm(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    dashboard = DashboardProcess(tmp_path, "http://127.0.0.1:1/otel", {"HOME": str(home)})
    with dashboard.running():
        assert dashboard.stop() == 0
    assert list(home.iterdir()) == []
