"""Which clips and prompts are evaluated."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.balance import balanced_rows
from t2s.evaluation.real import RealClips
from t2s.evaluation.vocabulary import evaluated_prompts

StoreMaker = Callable[..., ClipStore]


def test_signs_are_asked_for_by_their_most_frequent_caption(make_store: StoreMaker) -> None:
    store = make_store(
        {"train": range(3), "test": range(9, 10)},
        lambda sign, person: (sign, f"{sign} twice" if person == 0 else f"{sign} it"),
    )
    prompts = evaluated_prompts(RealClips.of_split(store, "train"), RealClips.held_out(store), max_signs=9, seed=0)
    assert prompts == {"blink": "blink it", "down": "down it", "grow": "grow it", "right": "right it"}


def test_a_large_vocabulary_is_drawn_from_at_random_but_the_same_each_time(
    train: RealClips, held_out: RealClips
) -> None:
    drawn = [tuple(evaluated_prompts(train, held_out, max_signs=2, seed=seed)) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert all(len(signs) == 2 and list(signs) == sorted(signs) for signs in drawn)


def test_sentences_are_asked_for_as_they_stand_in_the_held_out_split(make_store: StoreMaker) -> None:
    store = make_store(
        {"train": range(2), "val": range(9, 10)}, lambda sign, person: ("", f"person {person} will {sign}")
    )
    held_out = RealClips.held_out(store)
    assert held_out.signs == held_out.texts
    prompts = evaluated_prompts(RealClips.of_split(store, "train"), held_out, max_signs=9, seed=0)
    assert prompts["person 9 will grow"] == "person 9 will grow"
    assert len(prompts) == 4
    assert not held_out.with_signs().rows


def test_one_sentence_that_both_splits_hold_changes_nothing(make_store: StoreMaker) -> None:
    store = make_store(
        {"train": range(2), "val": range(9, 10)},
        lambda sign, person: ("", "good morning" if sign == "grow" else f"person {person} will {sign}"),
    )
    held_out = RealClips.held_out(store)
    prompts = evaluated_prompts(RealClips.of_split(store, "train"), held_out, max_signs=2, seed=0)
    assert set(prompts) <= set(held_out.texts)


def test_clips_without_a_sign_are_not_asked_for_where_others_name_one(make_store: StoreMaker) -> None:
    store = make_store(
        {"train": range(3), "test": range(9, 10)},
        lambda sign, person: ("" if person == 0 else sign, f"{sign} by {person}"),
    )
    prompts = evaluated_prompts(RealClips.of_split(store, "train"), RealClips.held_out(store), max_signs=9, seed=0)
    assert list(prompts) == ["blink", "down", "grow", "right"]


@pytest.mark.parametrize("seed", range(5))
def test_signs_that_held_out_clips_show_are_drawn_first(make_store: StoreMaker, seed: int) -> None:
    store = make_store(
        {"train": range(2), "test": range(9, 10)},
        lambda sign, person: (sign if person != 9 or sign == "down" else f"{sign} again", sign),
    )
    prompts = evaluated_prompts(RealClips.of_split(store, "train"), RealClips.held_out(store), max_signs=2, seed=seed)
    assert "down" in prompts
    assert len(prompts) == 2


def test_nothing_to_evaluate_on_is_said_in_one_line(make_store: StoreMaker) -> None:
    store = make_store({"train": range(2)}, lambda sign, _: (sign, sign))
    train = RealClips.of_split(store, "train")
    with pytest.raises(UserError, match="no clip is in test or val"):
        evaluated_prompts(train, RealClips.held_out(store), max_signs=9, seed=0)


def test_one_held_out_sentence_is_asked_for_beside_those_of_the_training(make_store: StoreMaker) -> None:
    """Ten sentences, of which the split left one: its prompt needs others to be ranked against."""
    store = make_store(
        {"train": range(2), "val": range(9, 10)},
        lambda sign, person: ("", "how are you" if person == 9 else f"person {person} will {sign}"),
    )
    train, held_out = RealClips.of_split(store, "train"), RealClips.held_out(store)
    prompts = evaluated_prompts(train, held_out, max_signs=99, seed=0)
    assert set(prompts) == {"how are you", *train.texts}
    few = evaluated_prompts(train, held_out, max_signs=2, seed=0)
    assert "how are you" in few and len(few) == 2


def test_a_single_sign_is_asked_for_alone(make_store: StoreMaker) -> None:
    store = make_store({"train": range(2), "test": range(9, 10)}, lambda _, __: ("wave", "wave"))
    train, held_out = RealClips.of_split(store, "train"), RealClips.held_out(store)
    assert evaluated_prompts(train, held_out, max_signs=9, seed=0) == {"wave": "wave"}


def test_subsets_are_balanced_by_sign() -> None:
    signs = ["a"] * 50 + ["b"] * 3 + ["c"] * 5
    rows = balanced_rows(signs, 10, np.random.default_rng(0))
    assert sorted(Counter(signs[row] for row in rows).values()) == [3, 3, 4]
    assert list(rows) == sorted(set(rows))
    assert list(balanced_rows(signs, 1000, np.random.default_rng(0))) == list(range(58))


def test_slices_of_real_clips_are_the_stores(store: ClipStore, held_out: RealClips) -> None:
    few = held_out.of_signs(["down", "grow"])
    assert set(few.signs) == {"down", "grow"}
    assert len(few) == 12
    np.testing.assert_array_equal(few[2:4], store.batch(few.rows[2:4]))
    assert [len(batch) for batch in few.batches()] == [12]
