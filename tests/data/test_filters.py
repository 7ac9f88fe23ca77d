"""Which clips are used."""

from collections import Counter

import pytest

from t2s.data.filters import drop_rare_signs, keep_signs, limit_clips
from t2s.data.sources.clip import SourceClip
from t2s.errors import UserError


def clips(*signs):
    return [SourceClip(f"clip{i}", f"{i}.mp4", sign.lower(), f"{i}.mp4", sign=sign) for i, sign in enumerate(signs)]


def test_signs_whatever_their_case():
    assert [clip.sign for clip in keep_signs(clips("HELLO", "Book", "no"), ["hello", " BOOK"])] == ["HELLO", "Book"]


def test_captions_where_no_sign_is_named():
    sentence = SourceClip("a", "a.mp4", "Thank you", "a.mp4")
    assert keep_signs([sentence], ["thank you"]) == [sentence]


def test_a_sign_nobody_shows_is_an_error():
    with pytest.raises(UserError, match=r"data.signs: no clip shows Helo, bok"):
        keep_signs(clips("hello"), ["Helo", "hello", "bok"])


def test_rare_signs_go_and_sentences_stay():
    assert [clip.sign for clip in drop_rare_signs(clips("a", "b", "a", ""), 2)] == ["a", "a", ""]


def test_a_limit_keeps_whole_signs_balanced_and_in_order():
    many = clips(*"abcdefgh" * 30)
    for min_clips_per_sign, expected in ((1, {10: 6}), (10, {10: 6}), (20, {20: 3})):
        kept = limit_clips(many, max_clips=60, min_clips_per_sign=min_clips_per_sign)
        assert Counter(Counter(clip.sign for clip in kept).values()) == expected
        assert kept == sorted(kept, key=many.index)
        assert limit_clips(list(reversed(many)), 60, min_clips_per_sign) == list(reversed(kept))


def test_a_small_limit_leaves_two_signs_to_tell_apart():
    assert len({clip.sign for clip in limit_clips(clips(*"abcdefgh" * 30), 4, 1)}) == 2
    assert len({clip.sign for clip in limit_clips(clips(*"abcdefgh" * 30), 4, 3)}) == 1


def test_a_limit_that_does_not_bind():
    some = clips("a", "b")
    assert limit_clips(some, 2, 1) == some


def test_sentences_are_one_pool():
    assert len(limit_clips(clips(*[""] * 50), 7, 3)) == 7


def test_signs_however_their_letters_are_written():
    assert len(keep_signs(clips("K\u00e4se", "Ka\u0308se", "no"), ["Ka\u0308se"])) == 2
