"""docs/notation.md: its weighting formulas, evaluated, are the weights of the code."""

import math
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_weights_of_the_page_are_those_of_the_code() -> None:
    import torch

    from t2s.diffusion.config import SNRWeightingConfig
    from t2s.diffusion.schedule import Schedule, cosine
    from t2s.diffusion.weighting import STRATEGIES, loss_weights

    schedule = Schedule(cosine(50))
    low, high = 0.1, 10.0
    table = (ROOT / "docs" / "notation.md").read_text("utf-8").split("<!-- weights")[1].split("\n\n")[1]
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:5]] for line in table.splitlines()[2:]]
    assert [row[0] for row in rows] == list(STRATEGIES)
    for strategy, *formulas in rows:
        config = SNRWeightingConfig(enabled=True, strategy=strategy, min_snr=low, max_snr=high, gamma=3.0, p2_gamma=0.7)
        gamma = config.p2_gamma if strategy == "p2" else config.gamma
        for formula, kind in zip(formulas, ("epsilon", "v", "sample"), strict=True):
            names = {"min": min, "max": max, "sqrt": math.sqrt, "clamp": lambda R: min(max(R, low), high), "γ": gamma}
            shown = [eval(formula, {"__builtins__": {}, "R": R, **names}) for R in schedule.snr.tolist()]
            made = loss_weights(config, schedule, kind)
            assert torch.allclose(made, torch.tensor(shown, dtype=made.dtype)), f"{strategy} on {kind}: {formula}"
    seed = SNRWeightingConfig(
        enabled=True, strategy="inverse_snr", min_snr=low, max_snr=high, gamma=gamma, p2_gamma=gamma
    )
    on_eps = loss_weights(seed, schedule, "epsilon")
    assert [t for t in range(50) if on_eps[t] == 0.1] == list(range(9))
    assert [t for t in range(50) if on_eps[t] == 10] == list(range(40, 50))
