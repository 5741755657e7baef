"""Store URLs and settings: what is accepted, what is refused, and that no secret is printed."""

import pytest
from pydantic import ValidationError

from rootspan_store.client import StoreUrl
from rootspan_store.errors import StoreConfigError
from rootspan_store.settings import RetentionSettings, StoreSettings, parse_listen


def test_a_url_has_defaults_for_what_it_leaves_out() -> None:
    assert StoreUrl.parse("http://localhost") == StoreUrl("localhost", 8123, database="otel")
    assert StoreUrl.parse("https://ch.example:9443/db").secure
    assert StoreUrl.parse("https://ch.example").port == 8443
    assert StoreUrl.parse("http://[::1]:8123/x").base == "http://[::1]:8123"


def test_credentials_are_decoded_and_never_printed() -> None:
    url = StoreUrl.parse("http://an%40n:p%3Aw%2Fd@host:1/db")
    assert (url.user, url.password) == ("an@n", "p:w/d")
    assert "p:w" not in f"{url} {url!r} {url.base}"
    assert StoreUrl.parse(str(url)) == StoreUrl("host", 1, user="an@n", database="db")


@pytest.mark.parametrize(
    "text",
    ["", "host:8123", "ftp://host/x", "clickhouse://u:secret@h:1/x", "http://", "http://h:99999/x",
    "http://h/a b",
     "http://h/a;DROP", "http://h/x?y=1", "http://h/1x"],
)  # fmt: skip
def test_a_malformed_url_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(StoreConfigError) as caught:
        StoreUrl.parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":80", ("127.0.0.1", 80)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:8123", ("::1", 8123)),
        ("h:1", ("h", 1)),
    ],
)
def test_addresses_to_listen_on(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize("text", ["", "80", "h:", "h:99999", "::1:80", "h:80/x"])
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen(text)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_STORE_HTTP", "127.0.0.1:9")
    monkeypatch.setenv("ROOTSPAN_STORE_READERS", "7")
    monkeypatch.setenv("ROOTSPAN_RETENTION_RAW_DAYS", "5")
    settings = StoreSettings()
    assert (settings.listen, settings.readers) == (("127.0.0.1", 9), 7)
    assert StoreSettings(http="127.0.0.1:10").listen == ("127.0.0.1", 10)
    assert RetentionSettings().raw_days == 5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"http": "0.0.0.0:1"}, "ROOTSPAN_STORE_INSECURE"),
        ({"user": "a"}, "together"),
        ({"readonly_user": "a", "readonly_password": "b"}, "without user"),
        ({"user": "a", "password": "b", "readonly_user": "a", "readonly_password": "c"}, "differently"),
        ({"readers": 0}, "readers"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        StoreSettings(**given)  # type: ignore[arg-type]


def test_listening_in_public_needs_a_password_or_an_explicit_word() -> None:
    assert StoreSettings(http="0.0.0.0:1", user="a", password="b").user == "a"  # type: ignore[arg-type]
    assert StoreSettings(http="0.0.0.0:1", insecure=True).insecure
    assert "b" * 9 not in repr(StoreSettings(user="a", password="b" * 9))  # type: ignore[arg-type]
