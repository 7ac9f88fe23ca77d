"""A reader that is registered can be asked for, and says what a person must know of its data set."""

from typing import get_args

from t2s.data.config import Source
from t2s.data.licences import Terms
from t2s.data.sources.registry import AUTO, READERS


def test_every_reader_has_a_name_of_its_own_and_terms():
    assert len({reader.name for reader in READERS}) == len(READERS)
    assert all(isinstance(reader.terms, Terms) for reader in READERS)


def test_data_source_takes_every_reader_and_no_other():
    assert set(get_args(Source)) == {AUTO, "synthetic"} | {reader.name for reader in READERS}
