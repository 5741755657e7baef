"""Text of rules stays text: whatever it is, it ends in a literal and does what the rule says, no more."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from store_process import StoreProcess

from rootspan_store.errors import StoreConfigError
from rootspan_store.rules import RuleSet, load_rules
from rootspan_store.rules.compiling import ruled_select
from rootspan_store.rules.layout import LAYOUTS
from rootspan_store.rules.quoting import sql_text
from rootspan_store.schema import render

_KEY = "a key that nobody knows"
_LAYOUT = LAYOUTS["otel_traces"]
# What ends literals, starts comments, parameters, escapes and statements somewhere, and any other text.
_NASTY = st.sampled_from(
    [
        "'",
        '"',
        "`",
        "\\",
        "\\'",
        "''",
        "--",
        "/*",
        "*/",
        ";",
        "{x:String}",
        "%(x)s",
        "%",
        "\0",
        "\n",
        "$a$",
        "\\0",
        "é",
        "\U0001f600",
    ]
)
_TEXT = st.lists(st.one_of(_NASTY, st.text(max_size=4)), max_size=6).map("".join)
_SOME = _TEXT.filter(bool)


@pytest.fixture(scope="module")
def engine(store: StoreProcess) -> Client:
    return store.connect()


_ENGINE = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_ENGINE
@given(texts=st.lists(_TEXT, min_size=1, max_size=20))
def test_a_literal_is_its_text(engine: Client, texts: list[str]) -> None:
    literals = ", ".join(f"hex({sql_text(text)})" for text in texts)
    (found,) = engine.query(f"SELECT [{literals}]").result_rows
    assert [bytes.fromhex(one).decode() for one in found[0]] == texts
    assert all(32 <= ord(letter) < 127 for text in texts for letter in sql_text(text))


def _run(engine: Client, own: dict[str, str], rules: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What a span's attributes are under rules; empty where it is left out."""
    keys = ", ".join(sql_text(key) for key in own)
    values = ", ".join(sql_text(value) for value in own.values())
    columns = ["map('service.name', 's') AS ResourceAttributes", "'a' AS TraceId", "'b' AS SpanId"]
    columns += ["'name' AS SpanName", "'s' AS ServiceName", "'t' AS Tenant", "toFloat32(1) AS Weight"]
    columns.append(
        f"mapFromArrays(CAST([{keys}], 'Array(String)'), CAST([{values}], 'Array(String)')) AS SpanAttributes"
    )
    chosen = RuleSet.model_validate({"rules": rules, "rules_key": _KEY})
    select = ruled_select(f"SELECT {', '.join(columns)}", _LAYOUT, chosen)
    hexed = "arrayMap(x -> (hex(x.1), hex(x.2)), CAST(SpanAttributes, 'Array(Tuple(String, String))'))"
    return [
        {bytes.fromhex(key).decode(): bytes.fromhex(value).decode() for key, value in row[0]}
        for row in engine.query(f"SELECT {hexed} FROM ({select})").result_rows
    ]


_OWN = st.dictionaries(_SOME, _TEXT, max_size=4)
_WITHIN = {"within": ["attributes"]}


@_ENGINE
@given(own=_OWN, extra=_SOME, other=_SOME, text=_TEXT)
def test_rules_do_to_any_text_what_they_say(
    engine: Client, own: dict[str, str], extra: str, other: str, text: str
) -> None:
    keys = [*list(own)[:1], extra]
    chosen = set(keys)

    redacted = _run(
        engine, own, [{"name": "r", "action": "redact", "keys": keys, "replacement": text, **_WITHIN}]
    )
    assert redacted == [{k: text if k in chosen else v for k, v in own.items()}]

    removed = _run(engine, own, [{"name": "r", "action": "remove", "keys": keys, **_WITHIN}])
    assert removed == [{k: v for k, v in own.items() if k not in chosen}]

    hashed = _run(engine, own, [{"name": "r", "action": "hash", "keys": keys, "salt": text, **_WITHIN}])

    def code(value: str) -> str:
        return hmac.new(_KEY.encode(), f"{text}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]

    assert hashed == [{k: code(v) if k in chosen else v for k, v in own.items()}]

    if other != keys[0]:
        renamed = _run(engine, own, [{"name": "r", "action": "rename", "keys": {keys[0]: other}, **_WITHIN}])
        is_free = other not in own
        assert renamed == [{other if k == keys[0] and is_free else k: v for k, v in own.items()}]

    if own:
        key, value = next(iter(own.items()))
        for wanted, left in ((value, 0), (value + "x", 1)):
            when = {"attributes": {key: wanted}, "tenant": ["t", text], "service": ["s", text]}
            assert len(_run(engine, own, [{"name": "d", "action": "drop", "when": when}])) == left


@_ENGINE
@given(own=_OWN, text=_TEXT)
def test_a_replacement_is_literal(engine: Client, own: dict[str, str], text: str) -> None:
    rule = {"name": "r", "action": "redact", "pattern": "a", "replacement": text, **_WITHIN}
    assert _run(engine, own, [rule]) == [{k: v.replace("a", text) for k, v in own.items()}]


def test_a_chain_of_rules_stays_linear_in_length(engine: Client) -> None:
    chain: list[dict[str, Any]] = [
        {
            "name": f"r{n}",
            "action": "rename",
            "keys": {f"k{n}": f"k{n + 1}"},
            "when": {"service": "s"},
            **_WITHIN,
        }
        for n in range(40)
    ]
    assert _run(engine, {"k0": "v"}, chain) == [{"k40": "v"}]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"action": "redact"}, "needs keys, keys_match or pattern"),
        ({"action": "redact", "pattern": "(?=a)"}, "no regular expression of RE2"),
        ({"action": "redact", "pattern": "a*"}, "matches empty text"),
        ({"action": "drop"}, "nothing would be stored"),
        ({"action": "drop", "when": {"sevice": "x"}}, "sevice"),
        ({"action": "sample", "ratio": 0}, "greater than 0"),
        ({"action": "sample", "ratio": 1.5}, "less than 1"),
        ({"action": "sample", "ratio": 0.5, "signals": ["logs"]}, "traces"),
        ({"action": "rename", "keys": {"a": "b", "c": "b"}}, "must all differ"),
        ({"action": "hash"}, "needs keys"),
        ({"action": "mask", "keys": ["a"]}, "'redact', 'hash', 'remove', 'rename', 'drop', 'sample'"),
        ({"action": "remove", "keys": ["a"], "name": "no spaces!"}, "pattern"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_allowed(
    tmp_path: Path, rule: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        RuleSet.model_validate({"rules": [{"name": "r", **rule}], "rules_key": _KEY})


def test_hash_rules_need_a_key_that_cannot_be_guessed() -> None:
    rule = {"name": "r", "action": "hash", "keys": ["a"]}
    for key, said in ((None, "ROOTSPAN_RULES_KEY"), ("short", "5 characters, fewer than 16")):
        with pytest.raises(ValidationError, match=said):
            RuleSet.model_validate({"rules": [rule], "rules_key": key})


def test_rules_come_from_a_file_that_may_hold_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROOTSPAN_RULES_KEY", raising=False)
    path = tmp_path / "collector.toml"
    path.write_text('wal_max_bytes = 9\n[[rules]]\nname = "h"\naction = "hash"\nkeys = ["a"]\n')
    with pytest.raises(StoreConfigError, match="rules_key"):
        load_rules(path)
    monkeypatch.setenv("ROOTSPAN_RULES_KEY", _KEY)
    assert [rule.name for rule in load_rules(path).rules] == ["h"]
    path.write_text("wal_max_bytes = 9\n")
    with pytest.raises(StoreConfigError, match=r"rules = \[\]"):
        load_rules(path)
    path.write_text("rules = ")
    with pytest.raises(StoreConfigError, match="TOML"):
        load_rules(path)


def test_rules_are_refused_for_a_cluster_and_shown_without_their_key() -> None:
    rule = {"name": "h", "action": "hash", "keys": ["user.id"], "signals": ["logs"]}
    given = RuleSet.model_validate({"rules": [rule], "rules_key": _KEY})
    with pytest.raises(StoreConfigError, match="spread over cluster main"):
        render("otel", cluster="main", rules=given)
    assert render("otel", cluster="main", rules=RuleSet()) == render("otel", cluster="main")
    shown = render("otel", rules=given)
    assert "HMAC" in shown
    assert "user.id" in shown
    assert _KEY not in shown
    assert render("otel", rules=RuleSet()) == render("otel")


def test_the_rules_of_the_documentation_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    path = tmp_path / "collector.toml"
    path.write_text(page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0])
    monkeypatch.setenv("ROOTSPAN_RULES_KEY", _KEY)
    assert [rule.name for rule in load_rules(path).rules] == ["tokens", "mail", "who", "health", "busy"]
