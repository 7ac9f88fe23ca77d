"""Nothing that has an owner is read without a word about it."""

import pytest

from t2s.data.licences import TERMS, needs_acknowledgement, require_acknowledgement
from t2s.data.sources.registry import READERS
from t2s.errors import UserError


def test_every_reader_has_terms_and_every_name_is_its_own():
    assert [reader.name for reader in READERS] == list(dict.fromkeys(reader.name for reader in READERS))
    assert {reader.name for reader in READERS} == TERMS.keys()


@pytest.mark.parametrize("source", sorted(TERMS.keys() - {"manifest", "folder"}))
def test_unacknowledged_data_sets_are_refused_by_the_licences_name(source):
    with pytest.raises(UserError, match=r"data.licence_acknowledged: true") as refusal:
        require_acknowledgement(source, acknowledged=False)
    assert TERMS[source].licence in str(refusal.value)
    assert TERMS[source].url in str(refusal.value)
    assert TERMS[source].download in str(refusal.value)
    require_acknowledgement(source, acknowledged=True)


def test_the_users_own_videos_need_none():
    assert not needs_acknowledgement("manifest")
    require_acknowledgement("folder", acknowledged=False)
