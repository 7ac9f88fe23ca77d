"""Signers: reproducible, varied, and with hands that show before their clothes."""

import numpy as np

from t2s.signer.appearance import HAIR_STYLES, Signer, brightness, shade
from t2s.signer.performance import Performance

PEOPLE = [Signer.sample(seed=11, index=index) for index in range(200)]


def test_a_signer_depends_on_seed_and_index_alone() -> None:
    assert Signer.sample(11, 3) == PEOPLE[3]
    assert Signer.sample(12, 3) != PEOPLE[3]
    assert len({(person.skin, person.shirt, person.background) for person in PEOPLE}) == len(PEOPLE)


def test_people_vary_in_all_that_should_vary() -> None:
    assert {person.hair_style for person in PEOPLE} == set(HAIR_STYLES)
    assert 0.05 < np.mean([person.left_handed for person in PEOPLE]) < 0.2
    for values in ([p.size for p in PEOPLE], [p.tempo for p in PEOPLE], [p.amplitude for p in PEOPLE]):
        assert 0.9 < min(values) < 0.96 < 1.04 < max(values) <= 1.1
    assert max(abs(offset) for person in PEOPLE for offset in person.place) <= 0.04


def test_skin_and_shirt_are_apart_in_brightness() -> None:
    assert min(abs(brightness(person.skin) - brightness(person.shirt)) for person in PEOPLE) > 30


def test_shade_reaches_black_and_white_and_leaves_one_alone() -> None:
    colour = (200, 100, 0)
    assert (shade(colour, 0.0), shade(colour, 1.0), shade(colour, 2.0)) == (
        (0, 0, 0),
        colour,
        (255, 255, 255),
    )


def test_a_performance_depends_on_signer_text_and_index() -> None:
    base = Performance.sample(PEOPLE[0], "hello", 0)
    assert Performance.sample(PEOPLE[0], "hello", 0) == base
    others = [Performance.sample(PEOPLE[1], "hello", 0), Performance.sample(PEOPLE[0], "yes", 0)]
    assert base not in [*others, Performance.sample(PEOPLE[0], "hello", 1)]
