"""Whether generated clips lie nearer to training clips than chance allows."""

from t2s.report.blocks import Note
from t2s.report.held_out import held_out_clips
from t2s.report.inputs import Inputs
from t2s.report.wording import count, percent, percent_interval


def copies(inputs: Inputs) -> list[Note]:
    """One notice where the evaluation says so (`Memorisation.report`), and one where it did not search all of them."""
    measured = inputs.faithfulness
    share, interval = measured.number("memorisation.share"), measured.interval("memorisation.share_ci")
    expected = measured.number("memorisation.expected_share")
    of_one = measured.number("memorisation.most_of_one_person")
    searched, of_clips = (measured.number(f"memorisation.{key}") for key in ("training_clips", "of_training_clips"))
    notes = []
    if searched is not None and of_clips is not None and searched < of_clips:
        text = (
            f"{count(searched)} of {count(of_clips)} training clips were searched for copies, the asked signs' first."
        )
        notes.append(Note("notice", text, "raise evaluate.max_reference_clips to search all of them"))
    is_above = measured.find("memorisation.above_expected") is True
    if share is None or interval is None or expected is None or not is_above:
        return notes
    beside = "" if of_one is None else f"; of one held-out person's clips {percent(of_one)} lie as near"
    text = (
        f"Nearer to a training clip than {held_out_clips(inputs.store)} are: {percent(share)} "
        f"({percent_interval(interval)}) of the generated clips, where {percent(expected)} are expected{beside}. "
        "The model may repeat clips that it was trained on."
    )
    advice = "train on clips of more people, or for fewer train.epochs; see reports/plots/nearest.png"
    return [*notes, Note("notice", text, advice)]
