"""The document that a browser loads first: it names its server and the scripts to come, and nothing wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit import file_util

from rootspan_dashboard.frame.header import refresh_every_s
from rootspan_dashboard.frame.url_state import read, read_all, reading_from
from rootspan_dashboard.opening.document import ELEMENTS, build_document

STATIC = Path(file_util.get_static_dir())


def test_the_document_of_this_streamlit_is_told_all_that_it_would_ask_for() -> None:
    text = build_document(STATIC, more=["/ours.js"])
    told, client = text.index("window.__streamlit"), text.index('<script type="module"')
    assert told < client
    assert "BACKEND_BASE_URL" in text
    ahead = re.findall(r'<link rel="modulepreload" crossorigin href="([^"]+)">', text)
    assert len(ahead) == len(set(ahead))
    assert ahead[-1] == "/ours.js"
    assert all((STATIC / path).is_file() for path in ahead[:-1])
    names = {Path(path).name.partition(".")[0] for path in ahead}
    assert set(ELEMENTS) <= names
    assert "purify" in names, "what an element imports is loaded with it"


@pytest.mark.parametrize("text", ["<p>not what we know</p>", "<head></head><script src=x></script>"])
def test_a_document_of_another_shape_stays_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.html").write_text(text)
    assert build_document(tmp_path) == text


def test_an_address_is_read_before_there_is_a_run() -> None:
    with reading_from({"service": ["a", "b"], "where": ["x = 1", "", "y exists"], "text": ["z" * 300]}):
        assert read("service") == "b"
        assert read_all("where") == ("x = 1", "y exists")
        assert read("text", "short") == "short"
        assert read("region", "any") == "any"


def test_a_page_is_refreshed_as_often_as_asked_and_less_often_where_its_runs_take_long() -> None:
    assert refresh_every_s(15, 0.5) == 15
    assert refresh_every_s(15, 10) == 40
    assert refresh_every_s(60, 10) == 60
