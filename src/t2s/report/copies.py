"""Whether generated clips lie nearer to training clips than chance allows."""

from t2s.report.blocks import Note
from t2s.report.held_out import held_out_clips
from t2s.report.inputs import Inputs
from t2s.report.wording import percent, percent_interval


def copies(inputs: Inputs) -> list[Note]:
    """One notice where the share's whole interval lies above the expected share, and no held-out person has as much."""
    measured = inputs.faithfulness
    share, interval = measured.number("memorisation.share"), measured.interval("memorisation.share_ci")
    expected = measured.number("memorisation.expected_share")
    of_one = measured.number("memorisation.most_of_one_person")
    if share is None or interval is None or expected is None or interval[0] <= expected or share <= (of_one or 0.0):
        return []
    beside = "" if of_one is None else f"; of one held-out person's clips {percent(of_one)} lie as near"
    text = (
        f"Nearer to a training clip than {held_out_clips(inputs.store)} are: {percent(share)} "
        f"({percent_interval(interval)}) of the generated clips, where {percent(expected)} are expected{beside}. "
        "The model may repeat clips that it was trained on."
    )
    return [
        Note("notice", text, "train on clips of more people, or for fewer train.epochs; see reports/plots/nearest.png")
    ]
