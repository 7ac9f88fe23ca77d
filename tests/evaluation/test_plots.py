"""Pictures of a vocabulary that is too large to draw."""

import numpy as np

from t2s.evaluation.plots import MAX_SIGNS, plot_confusion


def test_thousands_of_signs_are_a_note_and_not_gigabytes_of_pixels() -> None:
    few, many = ([f"sign {number}" for number in range(count)] for count in (4, MAX_SIGNS + 1))
    drawn, noted = (
        plot_confusion(np.eye(len(signs)).tolist(), signs, "real", "shown", "read") for signs in (few, many)
    )
    assert len(drawn.axes[0].images) == 1
    assert not noted.axes[0].images
    assert f"{MAX_SIGNS + 1} signs are too many to draw" in noted.axes[0].texts[0].get_text()
    assert noted.get_size_inches().prod() < 20
