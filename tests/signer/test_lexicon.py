"""The lexicon: its size, its pairs, and the table in the docs."""

from collections import Counter
from pathlib import Path

import pytest

from t2s.signer.handshapes import Handshape
from t2s.signer.lexicon import MINIMAL_PAIRS, PARAMETERS, SIGNS, MinimalPair, differing_parameters, find_sign
from t2s.signer.phonology import Hands

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


def test_docs_table_is_the_lexicon() -> None:
    rows = [line.strip("| ").split("|") for line in DOCS.read_text(encoding="utf-8").splitlines()]
    documented = {cells[0].strip(): tuple(cell.strip() for cell in cells[1:]) for cells in rows if len(cells) == 7}
    for sign in SIGNS:
        shape, hands = sign.handshape.value, sign.hands.value
        location = sign.location.name.lower().replace("_", " ")
        cells = documented[sign.text]
        assert (cells[0], cells[1], cells[4], cells[5]) == (shape, location, hands, str(sign.repetitions))
