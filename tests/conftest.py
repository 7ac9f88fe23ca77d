"""What all tests share: one thread, no terminal width, tiny sections of params.yaml to start from, `t2s` to call."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before torch is imported anywhere: tiny tensors are slower on two threads than on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

sys.path.append(str(Path(__file__).parent))  # browser_checks, calls, doc_commands and processes are no tests
pytest.register_assert_rewrite("browser_checks")

settings.register_profile("t2s", deadline=None, max_examples=40, derandomize=True)  # same examples on every machine
settings.load_profile("t2s")

# A complete, tiny params.yaml. Tests name what they change, so tuning the project's own numbers breaks none of them.
TINY: dict[str, dict[str, Any]] = {
    "model": {
        "preset": "fixed",
        "patch_size": 4,
        "input_pool": 1,
        "tubelet_size": 2,
        "width": 32,
        "depth": 1,
        "num_heads": 2,
        "mlp_ratio": 2.0,
        "attention": "joint",
        "residual": "none",
        "output_scale": 0.5,
        "output_scale_range": None,
        "projection": "linear",
        "projection_width": 16,
        "projection_taper": True,
        "qk_norm": "layer",
        "projection_stride": 2,
        "projection_shortcut": False,
        "projection_sees_input": False,
        "dropout": 0.0,
        "gradient_checkpointing": False,
        "text": {"tokenizer": "word", "vocab_size": 64, "max_length": 4, "depth": 0},
    },
    "diffusion": {
        "num_timesteps": 50,
        "schedule": "cosine",
        "logsnr_shift": 0.0,
        "zero_terminal_snr": False,
        "prediction_type": "sample",
    },
    "train": {
        "seed": 0,
        "init": None,
        "epochs": 2,
        "batch_size": 4,
        "accumulation": 1,
        "optimizer": "adamw",
        "learning_rate": 0.002,
        "betas": [0.9, 0.99],
        "weight_decay": 0.01,
        "warmup_steps": 0,
        "decay_fraction": 0.0,
        "gradient_clip": 1.0,
        "ema_decay": 0.9,
        "precision": "fp32",
        "compile": False,
        "coarse_fraction": 0.0,
        "thin_frames": 1,
        "temporal_weight": 0.5,
        "snr_weighting": {
            "enabled": True,
            "strategy": "min_snr",
            "min_snr": 0.1,
            "max_snr": 10.0,
            "gamma": 5.0,
            "p2_gamma": 1.0,
        },
        "motion_weight": 0.0,
        "frame_difference_weight": 0.0,
        "prompt_dropout": 0.1,
        "timesteps": "stratified",
        "augment": {"flip": 0.0, "colour": 0.0},
        "sample_epochs": [],
        "validation": {"num_clips": 4, "num_timesteps": 3, "every_epochs": 1},
        "max_skipped_steps": 0,
        "monitor": {
            "output_scale": [0.1, 10.0],
            "output_scale_notice": [0.2, 2.0],
            "oscillation": 0.25,
            "gradient_norm": 10.0,
            "noisiness": 2.0,
            "noisy_after_epochs": 20,
            "text_ignored_after_epochs": 10,
        },
    },
    "runtime": {
        "device": "cpu",
        "num_threads": 0,
        "num_workers": 0,
        "checkpoint_every_s": 1e9,
        "keep_checkpoints": 2,
        "experiment": "test",
    },
}


@pytest.fixture(scope="session")
def tiny_section() -> Callable[..., dict[str, Any]]:
    """`tiny_section("train", epochs=3, validation={"num_clips": 2})`: a section with changes, nested ones merged."""

    def make(name: str, **changes: Any) -> dict[str, Any]:
        section = deepcopy(TINY[name])
        for key, value in changes.items():
            merge = isinstance(value, dict) and isinstance(section.get(key), dict)
            section[key] = section[key] | value if merge else value
        return section

    return make


@pytest.fixture(scope="session")
def make_model_config(tiny_section: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """A tiny ModelConfig with changes."""
    from t2s.models.config import ModelConfig

    return lambda **changes: ModelConfig.model_validate(tiny_section("model", **changes))


@pytest.fixture(scope="session")
def make_diffusion_config(tiny_section: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """A DiffusionConfig (cosine, T = 50, predicting x0) with changes."""
    from t2s.diffusion.config import DiffusionConfig

    return lambda **changes: DiffusionConfig.model_validate(tiny_section("diffusion", **changes))


@pytest.fixture(scope="session")
def make_train_config(tiny_section: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """A TrainConfig for a run of seconds with changes."""
    from t2s.training.config import TrainConfig

    return lambda **changes: TrainConfig.model_validate(tiny_section("train", **changes))


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One headless Chromium for all browser tests."""
    browser, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver_path is None:
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "disable-dev-shm-usage",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def open_page(_chromium: Any) -> Callable[..., Any]:
    """`open_page(url, width=1400, dark=False)` → the WebDriver, with empty logs and nothing of an earlier page."""

    def visit(url: str, width: int = 1400, dark: bool = False) -> Any:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        _chromium.get("about:blank")
        _chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        _chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        _chromium.get_log("browser"), _chromium.get_log("performance")
        _chromium.get(url)
        return _chromium

    return visit


@pytest.fixture
def requested_by() -> Callable[[Any], set[str]]:
    """`requested_by(driver)`: the URLs asked for since the page was opened, data: and blob: aside."""

    def urls(driver: Any) -> set[str]:
        events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        sent = (event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent")
        return {url for url in sent if not url.startswith(("data:", "blob:"))}

    return urls


@pytest.fixture(scope="session")
def make_checkpoint(tiny_section: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """`make_checkpoint(path, seed=1, prompts=["yes"], clip={"num_frames": 8}, model={…}, diffusion={…})` → path.

    A tiny untrained model of clips of 4 frames of 8 x 8 that knows "hello" and "thank you".
    """

    def make(
        path: Path,
        *,
        seed: int = 0,
        prompts: Sequence[str] = ("hello", "thank you"),
        clip: Mapping[str, Any] | None = None,
        model: Mapping[str, Any] | None = None,
        diffusion: Mapping[str, Any] | None = None,
    ) -> Path:
        import torch

        from t2s.checkpoint import save_checkpoint
        from t2s.diffusion.config import DiffusionConfig
        from t2s.diffusion.schedule import make_schedule
        from t2s.models.config import ClipShape, ModelConfig
        from t2s.models.text import PromptTokenizer
        from t2s.models.vivit import ViViT

        network = ModelConfig.model_validate(tiny_section("model", **(model or {})))
        process = DiffusionConfig.model_validate(tiny_section("diffusion", **(diffusion or {})))
        shape = ClipShape.model_validate({"num_frames": 4, "image_size": 8, "fps": 8.0} | dict(clip or {}))
        tokenizer = PromptTokenizer.fit(prompts, network.text)
        torch.manual_seed(seed)
        denoiser = ViViT(
            network,
            shape,
            vocab_size=tokenizer.vocab_size,
            temporal_weight=0.5,
            alphas_cumprod=make_schedule(process).alphas_cumprod,
            prediction_type=process.prediction_type,
        )
        with torch.no_grad():  # fresh layers that start at zero would hide the prompt and the noise
            for weights in denoiser.parameters():
                weights += 0.1 * torch.randn_like(weights)
        config = {"model": network, "diffusion": process, "clip": shape}
        metadata = {
            "config": {name: section.model_dump(mode="json") for name, section in config.items()}
            | {"temporal_weight": 0.5},
            "tokenizer": tokenizer.serialized,
            "prompts": sorted(prompts),
            "fingerprint": f"tiny-{seed}",
            **dict.fromkeys(("git_revision", "licence"), "test"),
            "mlflow_run_id": None,
        }
        save_checkpoint(path, denoiser.state_dict(), metadata)
        return path

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]) -> Path:
    """One such checkpoint, to read and not to change."""
    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "t2s.safetensors")


@pytest.fixture(scope="session")
def write_clips() -> Callable[[Path], None]:
    """`write_clips(folder)`: 12 train, 3 val and 3 test clips of 4 frames of 8 x 8 pixels, of three signs."""

    def write(folder: Path) -> None:
        import numpy as np

        from t2s.data.shards import ShardWriter

        random, signs = np.random.default_rng(0), ("hello", "thank you", "please")
        source = {
            "source": "test", "media_root": ".", "licence": "CC0", "language": "none", "split_key": "signer",
            "notes": "", "synthetic": True,
        }  # fmt: skip
        with ShardWriter(folder, num_frames=4, image_size=8, clips_per_shard=5, source=source) as writer:
            for i in range(18):
                sign, split = signs[i % 3], ("train", "train", "train", "train", "val", "test")[i // 3]
                writer.add(
                    random.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8), clip_id=f"clip-{i}", text=sign, sign=sign,
                    signer=f"{split}-{i}", split=split, fps=8.0, source_frames=4, licence="CC0",
                )  # fmt: skip

    return write


@pytest.fixture
def t2s(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Any]:
    """`t2s("sample", "hello")` in an empty folder, inside this process: through the entry point, to the exit code."""
    from calls import Done

    from t2s.cli import run

    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__package__", "")  # click would name `python -m pytest` in its usage

    def call(*arguments: object) -> Any:
        monkeypatch.setattr(sys, "argv", ["t2s", *map(str, arguments)])
        capsys.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", UserWarning)
            run()
        out, err = capsys.readouterr()
        code = caught.value.code
        if isinstance(code, str):  # the interpreter prints it and exits with 1
            return Done(1, out, f"{err}{code}\n")
        return Done(int(code or 0), out, err)

    return call
