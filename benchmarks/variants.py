"""Networks and averages that the literature advises, beside the default: same data, same minutes, one change each.

    python benchmarks/variants.py --minutes 3     # each; needs data/clips and models/recogniser.*

Each trains as in time_to_quality.py, with as many steps as fill its minutes at its own speed, which all show in turns
before; the whole curriculum included. It is examined once, at the end. The default's training also keeps other averages
of its weights than the one that params.yaml names. Writes benchmarks/results/variants.json.
"""

import sys
from pathlib import Path
from typing import Any

from averages import AVERAGES
from results import is_trial, make_parser, record
from time_to_quality import Contender, open_project, race, shape_of, steps_for
from variant_models import VARIANTS
from workload import read_settings

from t2s.assembly import Recipe


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="project with data/clips and models/")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training, for each variant")
    parser.add_argument("--clips-per-sign", type=int, default=4)
    parser.add_argument("--only", choices=VARIANTS, action="append", help="run these, again for more; writes no result")
    arguments = parser.parse_args()
    store, recogniser = open_project("variants", arguments.root)
    minutes, clips_per_sign = (0.1, 1) if arguments.quick else (arguments.minutes, arguments.clips_per_sign)
    names = arguments.only or list(VARIANTS)
    contenders = []
    for name in names:
        variant = VARIANTS[name]
        settings = read_settings(shape_of(store, arguments.quick) | variant.changes)
        recipe = Recipe.make(settings.model, settings.diffusion, settings.train, settings.runtime, store)
        contenders.append(Contender(name, settings, recipe, recogniser, clips_per_sign, 1, variant.build))
    rows: list[dict[str, Any]] = []
    averages: list[dict[str, Any]] = []
    numbers = steps_for(contenders, minutes, 2 if arguments.quick else 5)
    for contender, num_steps in zip(contenders, numbers, strict=True):
        is_default = contender.name == "default"
        (found,) = race(contender, num_steps, AVERAGES if is_default else None)
        shown = {key: found[key] for key in ("steps", "training, s", "top-1", "x0-error")}
        rows.append({"variant": VARIANTS[contender.name].title, **shown})
        if is_default:
            decay = contender.settings.train.ema_decay
            averages = [{"average": f"as exported, {decay}", "x0-error": found["x0-error"]}]
            averages += [{"average": each, "x0-error": found[f"x0-error, {each}"]} for each in AVERAGES]
        print(rows[-1], file=sys.stderr)
    tables = {"Variants": rows} | ({"Averages of the default's weights": averages} if averages else {})
    content = {"settings": {"minutes": minutes, "clips_per_sign": clips_per_sign}, "findings": [], "tables": tables}
    record("variants", content, is_trial(arguments))


if __name__ == "__main__":
    main()
