"""The lexicon: its size, its pairs, and the tables in the docs."""

from collections import Counter
from pathlib import Path

import pytest

from t2s.signer import phonology
from t2s.signer.handshapes import Handshape
from t2s.signer.lexicon import MINIMAL_PAIRS, PARAMETERS, SIGNS, MinimalPair, differing_parameters, find_sign
from t2s.signer.phonology import Hands, Movement, Orientation

DOCS = Path(__file__).parents[2] / "docs" / "signer.md"


def test_there_are_28_signs_under_distinct_plain_names() -> None:
    texts = [sign.text for sign in SIGNS]
    assert len(texts) == len(set(texts)) == 28
    assert all(text == text.lower().strip() for text in texts)
    asked = "hello,thank you,yes,no,please,sorry,help,more,book,where,drink,love"
    assert set(asked.split(",")) <= set(texts)


def test_no_two_signs_are_described_alike() -> None:
    descriptions = Counter(tuple(getattr(sign, name) for name in PARAMETERS) for sign in SIGNS)
    assert descriptions.most_common(1)[0][1] == 1


@pytest.mark.parametrize("pair", MINIMAL_PAIRS, ids=lambda pair: f"{pair.first}-{pair.second}")
def test_minimal_pair_differs_in_its_parameter_and_nothing_else(pair: MinimalPair) -> None:
    assert differing_parameters(find_sign(pair.first), find_sign(pair.second)) == {pair.parameter}


def test_there_is_a_minimal_pair_for_every_parameter() -> None:
    assert {pair.parameter for pair in MINIMAL_PAIRS} == set(PARAMETERS)


def test_every_handshape_and_way_of_using_hands_occurs() -> None:
    shapes = {sign.handshape for sign in SIGNS} | {sign.movement.becomes for sign in SIGNS}
    assert shapes >= set(Handshape)
    assert {sign.hands for sign in SIGNS} == set(Hands)


def table(first_column: str) -> list[list[str]]:
    """The rows of the page's table whose header begins so, cell by cell."""
    block = DOCS.read_text("utf-8").split(f"\n| {first_column} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]


def name_of(part: Movement | Orientation) -> str:
    """What phonology.py calls it, in words."""
    return next(name for name, value in vars(phonology).items() if value is part).lower().replace("_", " ")


def test_the_table_of_signs_is_the_lexicon() -> None:
    assert table("sign") == [
        [sign.text, sign.handshape.value, sign.location.name.lower().replace("_", " "), name_of(sign.movement),
         name_of(sign.orientation), sign.hands.value, str(sign.repetitions)]
        for sign in SIGNS
    ]  # fmt: skip


def test_the_table_of_minimal_pairs_is_theirs() -> None:
    assert table("pair") == [[f"{pair.first} / {pair.second}", pair.parameter] for pair in MINIMAL_PAIRS]
