"""A finished run in a folder: real rendered clips, made-up figures."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from t2s.checkpoint import save_checkpoint
from t2s.data.encode import write_mp4, write_png
from t2s.data.shards import ShardWriter
from t2s.signer.appearance import Signer
from t2s.signer.lexicon import SIGNS
from t2s.signer.render import render_clip

PARAMS = Path(__file__).parents[2] / "params.yaml"
NUM_FRAMES, IMAGE_SIZE, FPS = 16, 64, 8.0
NUM_TIMESTEPS = 50
FINGERPRINT = "0123456789abcdef"
RUN_ID = "f00dfeedf00dfeedf00dfeedf00dfeed"
NAUGHTY = "<script>alert('x')</script>"


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """make_run(num_signs) -> the root of a run with all its inputs."""
    made: dict[int, Path] = {}

    def make(num_signs: int) -> Path:
        if num_signs not in made:
            root = tmp_path_factory.mktemp(f"run{num_signs}")
            write_run(root, num_signs)
            made[num_signs] = root
        return made[num_signs]

    return make


def write_run(root: Path, num_signs: int) -> None:
    signs = [sign.text for sign in SIGNS[:num_signs]]
    shutil.copy(PARAMS, root)
    _write_clips(root, num_signs)
    _write_checkpoint(root / "models/t2s.safetensors", signs)
    reports = root / "reports"
    for name, content in _reports(signs).items():
        _write_json(reports / f"{name}.json", content)
    _write_history(reports / "plots/training.csv")
    (reports / "training").mkdir()
    sheet = np.random.default_rng(0).integers(0, 255, (256, 512, 3), dtype=np.uint8)
    for epoch in (5, 10, 20, 36):
        write_png(reports / f"training/epoch-{epoch:03d}.png", sheet)


def _write_clips(root: Path, num_signs: int) -> None:
    source = {"source": "synthetic", "licence": "CC0-1.0 (synthetic)", "language": "synthetic, inspired by ASL",
              "split_key": "signer", "notes": [f"A synthetic test bed. {NAUGHTY}", "As every reader's, a list."],
              "synthetic": True}  # fmt: skip
    signers = {"train": Signer.sample(1, 0), "test": Signer.sample(1, 200_000)}
    generated, index = [], []
    with ShardWriter(
        root / "data/clips", num_frames=NUM_FRAMES, image_size=IMAGE_SIZE, clips_per_shard=16, source=source
    ) as writer:
        for sign in SIGNS[:num_signs]:
            for split, signer in signers.items():
                frames = render_clip(sign, signer, 0, NUM_FRAMES, IMAGE_SIZE)
                writer.add(
                    frames, clip_id=f"{split}-{sign.text}", text=sign.text, sign=sign.text, signer=split, split=split,
                    fps=FPS, source_frames=24, licence="CC0-1.0",
                )  # fmt: skip
                generated.append(np.stack([cv2.GaussianBlur(frame, (3, 3), 0) for frame in frames]))
                index.append({"prompt": sign.text, "seed": len(index), "fps": FPS, "condition": "intended"})
    folder = root / "data/generated"
    folder.mkdir()
    np.save(folder / "clips.npy", np.stack(generated))
    (folder / "index.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in index), "utf-8")
    (root / "reports/samples").mkdir(parents=True)
    large = generated[0].repeat(4, axis=1).repeat(4, axis=2)
    write_mp4(root / "reports/samples/hello.mp4", large, FPS, {"prompt": f"hello {NAUGHTY}", "seed": "0"})


def _write_checkpoint(path: Path, signs: list[str]) -> None:
    params = {name: yaml.safe_load(PARAMS.read_text())[name] for name in ("model", "diffusion", "train")}
    path.parent.mkdir(parents=True)
    save_checkpoint(
        path,
        {"weight": torch.zeros(1000, 25)},
        {
            "config": {name: params[name] for name in ("model", "diffusion")}, "prompts": signs,
            "fingerprint": FINGERPRINT, "data_digest": "d" * 64, "git_revision": "a" * 40, "software_version": "0.1.0",
            "licence": "CC0-1.0 (synthetic)", "language": "synthetic, inspired by ASL", "mlflow_run_id": RUN_ID,
            "params": params, "step": 2772, "epoch": 36,
        },
    )  # fmt: skip


def _write_history(path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for epoch in range(1, 37):
        row = {
            "epoch": epoch, "step": 77 * epoch, "learning_rate": 1.5e-3, "gradient_norm": 0.4 + 2 / epoch,
            "train_loss": 0.08 + 0.9 / epoch * (1 + 0.1 * rng.standard_normal()),
            "output_scale": 0.5 + 0.3 * (1 - 0.9**epoch),
        }  # fmt: skip
        if epoch % 3 == 0:
            for third, level in (("low", 0.004), ("mid", 0.03), ("high", 0.15)):
                row[f"x0_mse_{third}"] = level * (1 + 4 / epoch)
                row[f"skill_{third}"] = 0.9 - 6 * level / epoch - 2 / epoch
            row |= {"shuffled_gap": 0.4 * (1 - 0.93**epoch), "null_gap": 0.25 * (1 - 0.93**epoch)}
        if epoch in (6, 12, 21, 36):
            row["noisiness"] = 1 + 3 / epoch
        rows.append(row)
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)


def _reports(signs: list[str]) -> dict[str, Any]:
    ways = len(signs)
    confusion = [[signs[0], signs[0], 5], [signs[0], signs[1], 3], *([sign, sign, 8] for sign in signs[1:])]
    flag = {"name": "output_scale", "level": "notice", "epoch": 36, "message": f"output_scale 2.3 {NAUGHTY}",
            "advice": "watch it; model.output_scale_range holds it if it runs away"}  # fmt: skip
    ci = {"top1_ci": [0.88, 0.95], "n": 8 * ways}
    return {
        "run": {"run_id": RUN_ID, "fingerprint": FINGERPRINT},
        "training": {"num_steps": 2772, "last": {}, "flags": [flag], "came_down": [],
                     "not_judged": {}, "skipped_steps": [], "precision": "bf16",
                     "device": "cpu", "num_processes": 1, "clips_per_s": 63.2, "seconds": 702.4},
        "evaluation": {"per_timestep": [_timestep(t) for t in range(NUM_TIMESTEPS)],
                       "recogniser": {"ceiling_top1": 0.982, "generated_top1": 0.92, "chance": 1 / ways}},
        "recogniser": {"signs": signs, "confusion": [[sign, sign, 6] for sign in signs], "chance": 1 / ways,
                       "ceiling_top1": 0.982, "ceiling_top1_ci": [0.95, 0.99], "num_clips": 6 * ways, "refused": None,
                       "per_signer": {"test-0": {"ceiling_top1": 0.9, "n": ways}}},
        "faithfulness": {
            "signs": signs, "confusion": confusion, "recogniser": {"ceiling_top1": 0.982}, "refused": None,
            "generated": {"top1": 0.92, "top5": 0.99, **ci}, "shuffled": {"top1": 0.04, **ci},
            "null": {"top1": 0.03}, "nearest_training": {"top1": 0.7}, "diversity": 0.8,
            "motion_energy_ratio": 0.97, "sharpness_ratio": 0.83,
            "ranking": {"top1": 0.87, "top1_ci": [0.8, 0.92], "ways": ways, "chance": 1 / ways, "n": 64,
                        "per_bin": [{"t": t, "top1": 0.95 - t / 70, "top1_ci": [0.9 - t / 70, 0.99 - t / 70]}
                                    for t in (4, 12, 20, 29, 37, 45)]},
            "loss_gap": {"shuffled_minus_intended": 0.012, "shuffled_minus_intended_ci": [0.01, 0.014], "n": 64,
                         "per_bin": [{"t": t, "shuffled_minus_intended": t / 2000, "null_minus_intended": t / 3000,
                                      "shuffled_minus_intended_ci": [t / 2500, t / 1800]}
                                     for t in (4, 12, 20, 29, 37, 45)]},
            "frechet": {"generated": 21.4, "real_floor": 9.1, "generated_range": [19.0, 23.5], "clips_per_side": 84},
            "memorisation": {"share": 0.01, "share_ci": [0.0, 0.03], "expected_share": 0.05, "n": 8 * ways},
            "minimal_pairs": {"accuracy": 0.97, "accuracy_ci": [0.9, 1.0], "n": 32, "pairs": [
                {"signs": ["please", "sorry"], "parameter": "handshape", "accuracy": 0.94, "n": 16}]},
            "per_sign": {sign: {"top1": 1 - 0.07 * (i % 9), "n": 8} for i, sign in enumerate(signs)},
        },
        "preprocess": {"clips": 2 * ways, "num_quarantined": 1, "quarantined": [
            {"clip_id": NAUGHTY, "path": "videos/a.mp4", "reason": "truncated", "message": "ends early"}]},
        "validation": {"success": True, "num_warnings": 1, "checks": [
            {"title": "no pixel lies below -1", "expectation": "expect_column_values_to_be_between",
             "column": "minimum", "severity": "critical", "success": True, "failing": [], "observed": None},
            {"title": "motion is usual", "expectation": "expect_column_values_to_be_between", "column": "motion",
             "severity": "warning", "success": False, "failing": [NAUGHTY], "observed": None}]},
    }  # fmt: skip


def _timestep(t: int) -> dict[str, Any]:
    snr = 10 ** (2.2 - t / 9)
    trivial = {"zero": 1 / snr, "copy": 0.3 + 0.7 / snr, "grey": 0.3, "mean": 0.26, "wiener": 0.3 / (1 + 0.3 * snr)}
    x0 = 0.5 * trivial["wiener"]
    row = {"t": t, "x0_mse": x0, "eps_mse": snr * x0, "v_mse": (1 + snr) * x0, "x0_psnr": 20.0,
           "skill": 0.5 + t / 200, "skill_ci": [0.47 + t / 200, 0.53 + t / 200], "best_baseline": "wiener"}  # fmt: skip
    for name, value in trivial.items():
        row |= {f"x0_mse_{name}": value, f"eps_mse_{name}": snr * value, f"v_mse_{name}": (1 + snr) * value}
    return row


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
