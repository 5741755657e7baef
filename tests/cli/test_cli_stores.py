"""One question to several stores: each answers, and one that is away is told."""

import json

import pytest

from rootspan_cli.errors import WrongUse
from rootspan_cli.stores import ALONE, named_stores
from rootspan_store.errors import StoreConfigError
from support.command import Run
from support.installation import UpProcess

_AWAY = "http://127.0.0.1:1/otel"


def test_stores_are_named_or_alone() -> None:
    assert list(named_stores("http://h:1/otel")) == [ALONE]
    found = named_stores("eu=https://u:a%2Cb@eu.example:8443/otel, us=http://us.example/otel")
    assert {name: url.host for name, url in found.items()} == {"eu": "eu.example", "us": "us.example"}
    assert found["eu"].password == "a,b"
    with pytest.raises(WrongUse, match="names eu twice"):
        named_stores("eu=http://a/otel,eu=http://b/otel")
    with pytest.raises(StoreConfigError):
        named_stores("eu=http://")


@pytest.mark.process
def test_each_store_answers_for_itself(run: Run, installation: UpProcess) -> None:
    both = f"a={installation.store},b={installation.store}"
    answer = run("sql", "--store", both, "SELECT number + 1 AS x FROM numbers(2)")
    assert answer.status == 0, answer.err
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert rows == [{"store": name, "x": x} for name in "ab" for x in (1, 2)]
    answer = run("why", "--store", both, "--last", "1m", "--json")
    assert answer.status == 0, answer.err
    told = json.loads(answer.out)["stores"]
    assert {name: "verdict" in one for name, one in told.items()} == {"a": True, "b": True}
    assert json.loads(answer.out)["regional"] == []


@pytest.mark.process
def test_a_store_that_is_away_leaves_the_others_their_say(run: Run, installation: UpProcess) -> None:
    answer = run("sql", "--store", f"a={installation.store},b={_AWAY}", "SELECT 1 AS x")
    assert answer.status == 1
    assert json.loads(answer.out) == {"store": "a", "x": 1}
    assert "b is not in the answer" in answer.err
    assert run("sql", "--store", f"a={_AWAY},b={_AWAY}", "SELECT 1").status == 2
