import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.report.texts import clean, columns_of, shorten

anything = st.text(st.characters(exclude_categories=[]))


def test_clean_keeps_a_text_on_one_line_and_pictures_controls():
    assert clean("a\r\nb\tc\u2028d") == "a b c d"
    assert clean("\x00\x07\x1b") == "␀␇␛"
    assert clean("\x7f\x9b\ufffe\ud83d") == "\ufffd" * 4
    assert clean("plain שלום 👩‍👧") == "plain שלום 👩‍👧"


@given(anything)
def test_clean_text_is_utf8_on_one_line_and_stays_as_it_is(text):
    once = clean(text)
    assert clean(once) == once
    assert len(once.encode("utf-8").splitlines()) <= 1
    assert not any(ord(character) < 0x20 for character in once)


@given(anything.map(clean), st.integers(2, 40))
def test_shorten_never_takes_more_columns_than_there_are(text, columns):
    short = shorten(text, columns)
    assert columns_of(short) <= columns
    assert short == text or short.endswith("…")
    assert text.startswith(short.removesuffix("…"))


def test_shorten_leaves_a_text_that_fits():
    assert shorten("four", 4) == "four"
    assert shorten("four ", 4) == "fou…"
    assert shorten("日本", 4) == "日本"
    assert shorten("日本語", 4) == "日…"


@pytest.mark.parametrize("cut", [3, 4, 5])
def test_shorten_does_not_part_what_is_seen_as_one_character(cut):
    assert shorten("a👩\u200d👩\u200d👧 and more", cut) in ("a…", "a👩\u200d👩\u200d👧…")
    assert shorten("ee\u0301\u0302\u0303 and more", 4) == "e…"


def test_shorten_cuts_a_character_of_endless_accents_all_the_same():
    short = shorten("Z" + "\u0301" * 10_000, 80)
    assert short.startswith("Z\u0301")
    assert len(short) <= 80
