"""What a text asks for: every word ends up in exactly one place, whatever is typed."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.errors import UserError
from t2s.models.config import TextConfig
from t2s.models.text import PromptTokenizer
from t2s.prompts import (
    explain_unknown,
    file_stem,
    file_stems,
    is_visible,
    known_captions,
    parse_prompt,
    require_text,
    warn_of_unread,
)

KNOWN = ["hello", "thank", "thank you", "you", "Thank you very much"]
words = st.sampled_from(["hello", "thank", "you", "very", "much", "HELLO", "straße", "x", "İ", "\u0301"])
spaces = st.sampled_from([" ", "  ", "\t", "\n", "\u2003"])


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("Masse", ["Masse"]), ("Maße", ["Maße"]), ("MASSE", ["Masse"]), ("STRASSE", ["Straße"]),
        ("Arm arm", ["Arm", "arm"]), ("thank you", ["Thank you!"]),
        ("C++ C#", ["C++", "C#"]), ("HAUS1A", ["HAUS1A"]), ("haus1a^*", ["HAUS1A^*"]), ("K\u00e4se", ["Ka\u0308se"]),
    ],
)  # fmt: skip
def test_what_is_written_as_a_caption_is_that_one_and_looser_forms_come_after(text: str, signs: list[str]) -> None:
    known = ["Arm", "arm", "Masse", "Maße", "Straße", "Thank you!", "C++", "C#", "HAUS1A", "HAUS1A^*", "Ka\u0308se"]
    parsed = parse_prompt(text, known)
    assert (parsed.signs, parsed.unknown) == (signs, [])


def test_without_its_marks_a_caption_that_is_two_is_none() -> None:
    assert parse_prompt("C", ["C++", "C#"]).unknown == ["C"]


@pytest.mark.parametrize(
    ("text", "signs", "unknown"),
    [("你好谢谢", ["你好", "谢谢"], []), ("你好，谢谢。", ["你好", "谢谢"], []), ("你好吗", [], ["你好吗"]),
     ("谢谢 hello", ["谢谢", "hello"], []), ("hellohello", [], ["hellohello"])],
)  # fmt: skip
def test_scripts_without_spaces_are_cut_where_all_of_a_word_is_known(
    text: str, signs: list[str], unknown: list[str]
) -> None:
    parsed = parse_prompt(text, ["你好", "谢谢", "hello", "you"])
    assert (parsed.signs, parsed.unknown) == (signs, unknown)


def test_prompts_of_other_vowels_or_marks_have_other_files() -> None:
    assert len({file_stem(text) for text in ("का", "की", "क", "C++", "C#", "C", "HAUS1A", "HAUS1A^*")}) == 8


def test_joiners_may_be_in_a_word_and_what_turns_the_line_round_may_not() -> None:
    assert is_visible("می\u200cخواهم") and is_visible("👩\u200d🦰")
    assert not is_visible("a\u202eb") and not is_visible("a\tb")


@given(st.lists(words, min_size=1, max_size=8), spaces)
def test_every_word_is_part_of_a_sign_or_unknown(given_words: list[str], space: str) -> None:
    parsed = parse_prompt(space.join(given_words), KNOWN)
    placed = [word for sign in parsed.signs for word in sign.split()] + parsed.unknown
    assert sorted(map(str.casefold, placed)) == sorted(map(str.casefold, given_words))
    assert set(parsed.signs) <= set(KNOWN)
    assert not {word.casefold() for word in parsed.unknown} & {"hello", "thank", "you"}


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=6), spaces)
def test_case_and_spacing_do_not_matter(signs: list[str], space: str) -> None:
    written = " ".join(signs)
    spread = space + space.join(written.upper().split()) + space
    assert parse_prompt(spread, KNOWN) == parse_prompt(written, KNOWN)
    assert not parse_prompt(spread, KNOWN).unknown


@pytest.mark.parametrize(
    ("text", "signs", "unknown"),
    [
        ("Hello!", ["hello"], []),
        ("hello, thank you.", ["hello", "thank you"], []),
        ("„Thank you“ … hello?", ["thank you", "hello"], ["…"]),
        ("don't", ["don't"], []),
        ("don't! C++", ["don't", "C++"], []),
        ("dont he-llo", [], ["dont", "he-llo"]),
    ],
)
def test_punctuation_around_a_word_does_not_matter(text: str, signs: list[str], unknown: list[str]) -> None:
    parsed = parse_prompt(text, [*KNOWN, "don't", "C++"])
    assert (parsed.signs, parsed.unknown) == (signs, unknown)


def test_the_longest_sign_wins() -> None:
    assert parse_prompt("thank you you thank", KNOWN).signs == ["thank you", "you", "thank"]
    assert parse_prompt("thank you very much", KNOWN).signs == ["Thank you very much"]
    assert parse_prompt("thank you very", KNOWN).unknown == ["very"]


@given(st.text())
def test_any_text_is_parsed_or_refused_in_one_line(text: str) -> None:
    try:
        parsed = parse_prompt(text, KNOWN)
    except UserError as error:
        assert not text.strip() or "\0" in text
        assert "\n" not in str(error)
    else:
        assert parsed.signs or parsed.unknown


@pytest.mark.parametrize("known", [["HELLO", "THANK YOU"], ["hello", "thank you"]])
def test_the_closest_sign_is_named_as_the_data_set_writes_it(known: list[str]) -> None:
    assert f"'helo' (closest: {known[0]})" in explain_unknown(["helo"], known)
    assert f"'HELO' (closest: {known[0]})" in explain_unknown(["HELO"], known)


@pytest.mark.parametrize(
    ("texts", "stems"),
    [
        (["hello", "thank you"], ["hello", "thank-you"]),
        (["Hello?", "hello!", "hello 2", "hello"], ["hello", "hello-2", "hello-2-2", "hello-3"]),
    ],
)
def test_prompts_that_differ_never_share_a_file(texts: list[str], stems: list[str]) -> None:
    assert file_stems(texts) == stems


@given(st.text(max_size=200))
def test_a_file_name_is_safe_and_short(text: str) -> None:
    stem = file_stem(text)
    assert 0 < len(stem) <= 60
    assert all(character.isalnum() or character == "-" for character in stem)
    assert not stem.startswith("-") and not stem.endswith("-") and "--" not in stem
    assert file_stem(f" {text}\n") == stem


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("thank you", "thank-you"),
        ("  Où est-ce? ", "où-est-ce"),
        ("../../etc/passwd", "etc-passwd-3754d6"),
        ("?!", "clip"),
        ("हिन्दी", "हिन्दी"),
        ("你好！", "你好"),
    ],
)
def test_file_names_stay_readable(text: str, stem: str) -> None:
    assert file_stem(text) == stem


def test_unknown_words_come_with_the_closest_signs() -> None:
    said = explain_unknown(["helo", "zzz"], KNOWN)
    assert said.startswith("unknown: 'helo' (closest: hello), 'zzz'; known signs: ")
    assert "zzz' (closest" not in said
    assert explain_unknown(["a"], [f"sign{i:03}" for i in range(100)]).endswith("sign059 …")


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\u2003"])
def test_nothing_but_white_space_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="empty"):
        require_text(text)
    with pytest.raises(UserError, match="empty"):
        parse_prompt(text, KNOWN)


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(UserError, match="NUL"):
        require_text("hello\0")


def test_a_prompt_as_long_as_a_book_is_refused() -> None:
    require_text("hello " * 100)
    with pytest.raises(UserError, match="6000 characters: at most 1000"):
        require_text("hello " * 1000)


def test_a_letter_of_two_characters_is_the_letter() -> None:
    """As the tokenizer has it: NFD as some systems type it, and full width."""
    assert parse_prompt("cafe\u0301!", ["café"]).signs == ["café"]
    assert parse_prompt("ｈｅｌｌｏ", ["hello"]).signs == ["hello"]
    assert explain_unknown(["cafe\u0301s"], ["café"]).startswith("unknown: 'cafe\u0301s' (closest: café)")


def test_a_caption_is_known_as_the_tokenizer_reads_it() -> None:
    """It does not take ß for ss, as the eye does: the model would read an unknown word."""
    known = ["die Straße", "le café"]
    assert known_captions(["DIE  Straße", "le cafe\u0301", "die Strasse"], known) == ["DIE  Straße", "le cafe\u0301"]
    assert parse_prompt("STRASSE", ["Straße"]).signs == ["Straße"]


def test_captions_longer_than_a_model_reads_are_counted(
    caplog: pytest.LogCaptureFixture, tiny_section: Callable[..., dict[str, Any]]
) -> None:
    texts = ["one two three", "one two", "three, two!"]  # 3, 2 and 4 tokens
    tokenizer = PromptTokenizer.fit(texts, TextConfig(**tiny_section("model")["text"]))
    warn_of_unread(texts, tokenizer.serialized, 4)
    assert not caplog.messages
    warn_of_unread(texts, tokenizer.serialized, 2)
    (said,) = caplog.messages
    assert said.startswith("2 of 3 train captions have more than model.text.max_length = 2 tokens, the longest 4")


def test_captions_of_words_beyond_the_vocabulary_are_counted(
    caplog: pytest.LogCaptureFixture, tiny_section: Callable[..., dict[str, Any]]
) -> None:
    """Those without a token are one prompt to the model, whatever they say."""
    texts = [f"{word} again" for word in ("a", "b", "c", "d", "e", "f", "g", "h")]
    text = tiny_section("model")["text"] | {"tokenizer": "word", "vocab_size": 8}
    tokenizer = PromptTokenizer.fit(texts, TextConfig(**text))  # padding, unknown, "again", "a" to "e"
    warn_of_unread(texts, tokenizer.serialized, 8)
    (said,) = caplog.messages
    assert said.startswith("3 of 8 train captions hold words beyond the most frequent model.text.vocab_size")
    assert tokenizer.encode(["f again", "h again"]).unique(dim=0).shape[0] == 1
