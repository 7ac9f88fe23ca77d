"""Made splits: never a key in two of them, the same on every machine, nobody forgotten."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2s.data.splits import disjoint_key, enough_keys, make_splits

keys = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=60)


@given(keys, st.data())
def test_a_key_has_one_split_and_the_order_of_clips_does_not_matter(keys, data):
    strata = data.draw(st.lists(st.sampled_from(["", "x", "y"]), min_size=len(keys), max_size=len(keys)))
    splits = make_splits(keys, strata, 0.1, 0.1)
    split_of = dict(zip(keys, splits, strict=True))
    assert splits == [split_of[key] for key in keys]
    order = data.draw(st.permutations(range(len(keys))))
    shuffled = make_splits([keys[i] for i in order], [strata[i] for i in order], 0.1, 0.1)
    assert shuffled == [splits[i] for i in order]
    assert "train" in splits
    if len(set(keys)) >= 3:
        assert {"train", "val", "test"} <= set(splits)


def test_fractions_of_keys():
    people = [f"signer{number}" for number in range(100)]
    assert Counter(make_splits(people, [""] * 100, 0.1, 0.2)) == {"train": 70, "val": 10, "test": 20}
    assert set(make_splits(people, [""] * 100, 0.0, 0.0)) == {"train"}


def test_every_sign_is_in_every_split_when_each_video_shows_one():
    videos = [f"{sign}{take}" for sign in "abc" for take in range(5)]
    signs = [video[0] for video in videos]
    found = Counter(zip(signs, make_splits(videos, signs, 0.1, 0.1), strict=True))
    assert all(found[sign, split] >= 1 for sign in "abc" for split in ("train", "val", "test"))


def test_with_too_few_videos_per_sign_some_are_still_held_out():
    videos = [f"video{number}" for number in range(24)]
    assert Counter(make_splits(videos, videos, 0.1, 0.1)) == {"train": 20, "val": 2, "test": 2}


def test_the_assignment_is_frozen():
    """Another hash would silently move held-out signers into training."""
    assert make_splits(list("abcdef"), [""] * 6, 0.2, 0.2) == ["train", "train", "train", "test", "train", "val"]


@pytest.mark.parametrize(
    ("signers", "videos", "expected"),
    [
        (["a", "a", "b"], ["1", "2", "3"], "signer"),
        (["a", "a", "a"], ["1", "2", "3"], "video"),
        (["a", "", "b"], ["1", "2", "3"], "video"),
        (["a", "a", "a"], ["1", "1", "1"], "none"),
    ],
)
def test_the_key_that_is_really_disjoint(signers, videos, expected):
    assert disjoint_key(signers, videos, ["train", "train", "test"]) == expected


def test_enough_keys():
    assert enough_keys("abc")
    assert not enough_keys("ab")
    assert not enough_keys(["a", "b", "c", ""])
