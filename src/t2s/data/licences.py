"""The terms each known data set comes under; nothing is read before the user has acknowledged them."""

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


_OWN_TERMS = Terms(
    licence=OWN,
    url="",
    commercial=None,
    download="",
    summary="your own recordings: you answer for the consent of the people in them",
)

TERMS: dict[str, Terms] = {
    "manifest": _OWN_TERMS,
    "folder": _OWN_TERMS,
    "asl_citizen": Terms(
        licence="Microsoft Research License Terms (ASL Citizen)",
        url="https://www.microsoft.com/en-us/research/project/asl-citizen/",
        commercial=False,
        download="about 50 GB, 83,399 clips",
        summary="recorded with consent; research use only, neither the data nor changed copies may be passed on",
    ),
    "wlasl": Terms(
        licence="C-UDA 1.0 (WLASL), academic use only",
        url="https://github.com/dxli94/WLASL",
        commercial=False,
        download="about 5 GB, 13,700 of 21,083 listed clips are still to be had",
        summary="computational and academic use only; the videos belong to their makers",
    ),
    "ms_asl": Terms(
        licence="C-UDA 1.0 (MS-ASL)",
        url="https://www.microsoft.com/en-us/research/project/ms-asl/",
        commercial=None,
        download="annotations only, 25,513 clips; the videos come from YouTube",
        summary="check the agreement that came with the annotations; the videos belong to their uploaders",
    ),
    "how2sign": Terms(
        licence="CC BY-NC 4.0 (How2Sign)",
        url="https://how2sign.github.io",
        commercial=False,
        download="about 35 GB of clips, 330 GB of full videos (frontal view)",
        summary="research only, no commercial use, credit the authors",
    ),
    "phoenix2014t": Terms(
        licence="CC BY-NC-SA 3.0 (RWTH-PHOENIX-Weather 2014 T)",
        url="https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX-2014-T/",
        commercial=False,
        download="about 40 GB, 8,257 clips",
        summary="no commercial use; what you derive is shared under the same terms; credit the authors",
    ),
    "openasl": Terms(
        licence="CC BY-NC-ND 4.0 (OpenASL)",
        url="https://github.com/chevalierNoir/OpenASL",
        commercial=False,
        download="annotations only, about 98,000 clips; the videos come from YouTube",
        summary="no commercial use, no changed copies may be passed on; the videos belong to their uploaders",
    ),
}


def terms_of(source: str) -> Terms:
    """The terms of a registered reader; every reader has an entry (a test holds it)."""
    return TERMS[source]


def needs_acknowledgement(source: str) -> bool:
    """The user's own folders need none: the user is the one who could grant it."""
    return terms_of(source).licence != OWN


def require_acknowledgement(source: str, acknowledged: bool) -> None:
    """Raise UserError with the licence's name unless the user has acknowledged it (or owns the data)."""
    if acknowledged or not needs_acknowledgement(source):
        return
    terms = terms_of(source)
    raise UserError(
        f"data.source {source} comes under {terms.licence} ({terms.summary}; {terms.download}): read {terms.url}, "
        "then set data.licence_acknowledged: true"
    )
