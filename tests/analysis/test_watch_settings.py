"""The watcher's file: what it says is taken, and what it cannot mean is refused with the reason."""

from pathlib import Path

import pytest

from rootspan_analysis.watch import ConfigError, Objective, Receiver, WatchSettings, load_settings

WHOLE = """
[watch]
every_s = 10
quiet_s = 300
automatic = false

[[objective]]
kind = "latency_p99"
service = "checkout"
at_most = 400

[[objective]]
kind = "goodput"
job = "llama-*"
at_least = 0.5

[[ignore]]
service = "batch-*"

[[receiver]]
kind = "alertmanager"
url = "http://am:9093"
headers = { Authorization = "Basic x" }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "watch.toml"
    path.write_text(text)
    return path


def test_a_file_is_taken_as_it_says(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, WHOLE))
    assert (settings.every_s, settings.quiet_s, settings.automatic) == (10, 300, False)
    assert settings.objectives[0] == Objective("latency_p99", service="checkout", at_most=400)
    assert settings.limit_of("latency_p99", "checkout", "POST /", "") == 0.4
    assert settings.limit_of("latency_p99", "search", "POST /", "") is None
    assert settings.limit_of("goodput", "", "", "llama-70b") == 0.5
    assert settings.ignores("latency_p50", "batch-nightly", "Run", "")
    assert not settings.ignores("latency_p50", "checkout", "Run", "")
    assert settings.receivers == (Receiver("alertmanager", "http://am:9093", {"Authorization": "Basic x"}),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[watch]\nevery_s = 0", "every_s is 0, outside 1-300"),
        ("[watch]\nevery = 5", "unknown every; known are"),
        ("[wach]", "unknown part"),
        ("[[objective]]\nkind = 'latency'\nat_most = 1", "unknown kind 'latency'"),
        ("[[objective]]\nkind = 'latency_p50'", "at_most = None"),
        ("[[objective]]\nkind = 'goodput'\nat_most = 5", "at_least = None"),
        ("[[objective]]\nkind = 'error_rate'\nat_most = 5", "a share"),
        ("[[receiver]]\nkind = 'webhook'\nurl = 'am:9093'", "not http"),
        ("[[receiver]]\nkind = 'pigeon'\nurl = 'http://am:9093'", "unknown kind 'pigeon'"),
        ("[[receiver]]\nkind = 'webhook'", "url"),
        ("watch = 5", "not a table"),
        ("[watch", "no TOML"),
        ("[watch]\nevery_s = 'soon'", "every_s"),
        ("objective = 5", "objective"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_settings(written(tmp_path, text))


def test_the_file_in_the_documentation_is_one_that_is_taken(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "incidents.md").read_text(encoding="utf-8")
    settings = load_settings(written(tmp_path, text.partition("```toml\n")[2].partition("```")[0]))
    assert [one.kind for one in settings.objectives] == ["latency_p99", "error_rate", "goodput"]
    assert [one.kind for one in settings.receivers] == ["alertmanager", "webhook"]


def test_defaults_watch_everything() -> None:
    assert WatchSettings().automatic
    assert not WatchSettings().ignores("latency_p50", "any", "thing", "")
