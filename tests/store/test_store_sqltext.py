import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan_store.embedded.handle import quote_identifier, quote_string
from rootspan_store.sqltext import SqlTextError, TokenKind, split_statements, tokenize, unquote


def test_semicolons_in_strings_names_comments_and_heredocs_do_not_split() -> None:
    script = """
    -- a; comment
    SELECT ';', 'it''s;', 'a\\';' , `x;y`, "p;q" /* ; */ ; # not ; here
    SELECT $tag$ ; ' $tag$;;
    """
    assert split_statements(script) == [
        "SELECT ';', 'it''s;', 'a\\';' , `x;y`, \"p;q\"",
        "SELECT $tag$ ; ' $tag$",
    ]


def test_a_script_of_comments_alone_has_no_statement() -> None:
    assert split_statements("-- nothing\n/* here */ ;;") == []


@pytest.mark.parametrize("text", ["SELECT 'open", "SELECT `open", 'SELECT "open', "SELECT /* open"])
def test_an_unclosed_quote_is_an_error(text: str) -> None:
    with pytest.raises(SqlTextError, match="never closed"):
        split_statements(text)


@given(st.text())
def test_a_quoted_string_is_one_token_and_reads_back(text: str) -> None:
    tokens = list(tokenize(f"SELECT {quote_string(text)}, 1"))
    assert [t.kind for t in tokens[1:3]] == [TokenKind.STRING, TokenKind.OTHER]
    assert unquote(tokens[1]) == text


@given(st.text(min_size=1))
def test_a_quoted_identifier_is_one_token_and_reads_back(name: str) -> None:
    tokens = list(tokenize(f"SELECT {quote_identifier(name)} AS x"))
    assert [t.text for t in tokens[2:]] == ["AS", "x"]
    assert unquote(tokens[1]) == name


@given(st.text(alphabet="ab'`\"\\$;-/*# \n", max_size=40))
def test_tokens_with_their_gaps_are_the_text(text: str) -> None:
    try:
        tokens = list(tokenize(text, keep_trivia=True))
    except SqlTextError:
        return
    assert "".join(t.text for t in tokens) == text
