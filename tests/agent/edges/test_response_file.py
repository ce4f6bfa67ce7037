"""Response files are read and written as gcc and clang do."""

import pytest

from arm_ci.agent.edges.response_file import join, split


@pytest.mark.parametrize("words", [["a b", "it's", 'q"q', "back\\slash", "", "tab\there", "plain"]])
def test_a_response_file_gives_back_the_words_it_was_made_of(words):
    assert split(join(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.o  b.o\n\tc.o\n", ["a.o", "b.o", "c.o"]),
        ('"a b".o \'c d\'e ""', ["a b.o", "c de", ""]),
        (r"a\ b \"c 'd\'e' \\", ["a b", '"c', "d'e", "\\"]),
        ("'not closed", ["not closed"]),
        ("a \\", ["a"]),
        ("", []),
    ],
)
def test_quotes_and_backslashes_keep_words_together(text, words):
    assert split(text) == words
