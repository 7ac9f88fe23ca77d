"""Nothing that has an owner is read without a word about it."""

import pytest

from t2s.data.licences import require_acknowledgement
from t2s.data.sources.registry import READERS
from t2s.errors import UserError


@pytest.mark.parametrize(
    "reader", [reader for reader in READERS if reader.terms.need_acknowledgement], ids=lambda reader: reader.name
)
def test_unacknowledged_data_sets_are_refused_by_the_licences_name(reader):
    terms = reader.terms
    with pytest.raises(UserError, match=r"data.licence_acknowledged: true") as refusal:
        require_acknowledgement(reader.name, terms, acknowledged=False)
    assert all(part and part in str(refusal.value) for part in (terms.licence, terms.url, terms.download))
    require_acknowledgement(reader.name, terms, acknowledged=True)


def test_the_users_own_videos_need_none():
    own = [reader for reader in READERS if not reader.terms.need_acknowledgement]
    assert {reader.name for reader in own} >= {"manifest", "folder"}
    for reader in own:
        require_acknowledgement(reader.name, reader.terms, acknowledged=False)
