"""The terms a data set comes under; nothing is read before the user has acknowledged them."""

from dataclasses import dataclass

from t2s.errors import UserError

OWN = "the user's own"


@dataclass(frozen=True)
class Terms:
    """What a person must know before training on a data set.

    commercial: may weights trained on it serve commercial use; None = its owner's terms do not say.
    download: size of the full download, for people; "" = whatever the user brought.
    """

    licence: str
    url: str
    commercial: bool | None
    download: str
    summary: str

    @property
    def need_acknowledgement(self) -> bool:
        """The user's own folders need none: the user is the one who could grant it."""
        return self.licence != OWN


OWN_TERMS = Terms(
    licence=OWN,
    url="",
    commercial=None,
    download="",
    summary="your own recordings: you answer for the consent of the people in them",
)


def require_acknowledgement(source: str, terms: Terms, acknowledged: bool) -> None:
    """Raise UserError with the licence's name unless the user has acknowledged it (or owns the data)."""
    if acknowledged or not terms.need_acknowledgement:
        return
    raise UserError(
        f"data.source {source} comes under {terms.licence} ({terms.summary}; {terms.download}): read {terms.url}, "
        "then set data.licence_acknowledged: true"
    )
