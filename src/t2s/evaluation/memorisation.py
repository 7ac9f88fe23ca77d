"""Does the generator repeat training clips? Told by distances, beside those of people it has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from t2s.evaluation.appearance import Appearance
from t2s.evaluation.arrays import Labels, PerClip
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.distances import nearer_than_real, nearest
from t2s.evaluation.recognition import shares_by_group
from t2s.evaluation.reference import TrainReference
from t2s.evaluation.wilson import share


@dataclass(frozen=True)
class Memorisation:
    """Distances to the nearest training clip, in thumbnails: of generated clips and of real held-out ones.

    rows: which training clip that is, of each generated clip.
    """

    generated: PerClip
    held_out: PerClip
    rows: Labels
    same_sign: PerClip
    signs: tuple[str, ...]
    signers: tuple[str, ...]  # of the held-out clips
    training_clips: int  # searched
    of_training_clips: int  # there are

    @classmethod
    def measure(
        cls,
        generated: Appearance,
        held_out: Appearance,
        signers: Sequence[str],
        train: TrainReference,
    ) -> "Memorisation":
        """`signers`: of the held-out clips."""
        distance, rows = nearest(generated.thumbnails, train.thumbnails)
        real_distance, _ = nearest(held_out.thumbnails, train.thumbnails)
        same = (np.asarray(train.clips.signs)[rows] == np.asarray(generated.signs)).astype(np.float64)
        searched = len(train.clips), train.of_clips
        return cls(distance, real_distance, rows, same, generated.signs, tuple(signers), *searched)

    def report(self, quantile: float, bootstrap: Bootstrap) -> dict[str, Any]:
        """Are generated clips nearer to training clips than clips of people never seen are?

        `share`: of generated clips nearer to their nearest training clip than `quantile` of the real held-out clips are
        to theirs. Held-out clips give `quantile`, copies 1. `most_of_one_person`: the largest such share of any
        held-out person of 1 / `quantile` clips or more, measured against the others; null without one. `same_sign`:
        whose nearest training clip shows their sign. `above_expected`: the share's whole interval lies above
        `quantile`, and no such person has as much, who may look like one that was trained on.
        """
        nearer, people = nearer_than_real(self.generated, self.held_out, quantile), self._by_person()
        found = bootstrap.redrawn(float(nearer.mean()), len(nearer), self._redraw(people, quantile))
        most = most_of_one(people, quantile)
        return {
            **share(self.same_sign).named("same_sign"),
            **found.named("share"),
            "expected_share": quantile,
            "most_of_one_person": most,
            "above_expected": found.low > quantile and found.value > (most or 0.0),
            "held_out_people": len(people),
            "per_sign": shares_by_group(nearer, self.signs, "share"),
            "nearest_median": {
                "generated": float(np.median(self.generated)),
                "held_out": float(np.median(self.held_out)),
            },
            "training_clips": self.training_clips,
            "of_training_clips": self.of_training_clips,
        }

    def _by_person(self) -> list[PerClip]:
        """The distances of each held-out person's clips."""
        people = np.asarray(self.signers)
        return [self.held_out[people == person] for person in np.unique(people)]

    def _redraw(self, people: list[PerClip], quantile: float) -> Callable[[np.random.Generator], float]:
        """The share over clips and people drawn again: who happens to look like a trained one sets the yardstick.

        Of a single person, the clips are drawn.
        """
        groups = people if len(people) > 1 else np.split(self.held_out, len(self.held_out))

        def draw(rng: np.random.Generator) -> float:
            clips = self.generated[rng.integers(len(self.generated), size=len(self.generated))]
            real = np.concatenate([groups[row] for row in rng.integers(len(groups), size=len(groups))])
            return float(nearer_than_real(clips, real, quantile).mean())

        return draw


def most_of_one(people: list[PerClip], quantile: float) -> float | None:
    """The largest share of one person's clips that lie nearer than that quantile of all others' do.

    people: distances to the nearest training clip, (n,) for each. Of few clips a share says nothing: that of one clip
    is 0 or 1. None where nobody has 1 / quantile of them, or there is one person alone.
    """
    shares = [
        float(nearer_than_real(own, np.concatenate(people[:row] + people[row + 1 :]), quantile).mean())
        for row, own in enumerate(people)
        if len(people) > 1 and len(own) * quantile >= 1
    ]
    return max(shares, default=None)
