"""Training the recogniser: seeded and short, on real clips only."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from t2s.data.clips import CHANNELS
from t2s.errors import UserError
from t2s.evaluation.arrays import Labels
from t2s.evaluation.augmentation import augment
from t2s.evaluation.config import RecogniserConfig
from t2s.evaluation.judge import ClipSequence
from t2s.evaluation.network import SignNetwork
from t2s.evaluation.recogniser import Recogniser, prepared_batches, to_network
from t2s.progress import track

WARM_UP_SHARE = 0.2  # of the one-cycle schedule (Smith & Topin 2017, 1708.07120)
CPU = torch.device("cpu")
LEAST_STEPS = 6  # with 5, torch's OneCycleLR divides by a warm-up of 0 steps


def train_recogniser(
    clips: ClipSequence,
    signs: Sequence[str],
    config: RecogniserConfig,
    log: Callable[[int, float], None] | None = None,
    device: torch.device = CPU,
) -> Recogniser:
    """Fit a recogniser to real clips (N, 3, F, H, W) in [-1, 1] and the sign of each.

    Same clips, config, thread count and torch build: same weights, bit by bit, on a CPU. The caller's random state is
    left alone.

    Args:
        log: called with (step, loss) after every step.
        device: to train on; the recogniser comes back on the CPU.

    Raises:
        UserError: fewer clips than one batch, or fewer than two different signs.
    """
    names, labels = np.unique(signs, return_inverse=True)
    if len(names) < 2:
        raise UserError("recogniser: needs clips of at least two signs to tell apart")
    if len(clips) < config.batch_size:
        raise UserError(f"recogniser.batch_size = {config.batch_size}: there are only {len(clips)} training clips")
    seen = _prepared(clips, config)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(config.seed)  # weights and dropout
        network = SignNetwork(len(names), config.width, config.dropout)
        _fit(network.to(device), seen, labels, config, log, device)
    return Recogniser(network.eval().to(CPU), tuple(names.tolist()), config)


def _prepared(clips: ClipSequence, config: RecogniserConfig) -> npt.NDArray[np.uint8]:
    """All clips as the recogniser sees them, (N, F, H, W, 3). In one array: joined they are held twice."""
    seen = np.empty((len(clips), config.num_frames, config.image_size, config.image_size, CHANNELS), np.uint8)
    at = 0
    for batch in prepared_batches(clips, config):
        seen[at : at + len(batch)] = batch
        at += len(batch)
    return seen


def _fit(
    network: SignNetwork,
    clips: npt.NDArray[np.uint8],
    labels: Labels,
    config: RecogniserConfig,
    log: Callable[[int, float], None] | None,
    device: torch.device,
) -> None:
    num_steps = max(LEAST_STEPS, round(config.epochs * len(clips) / config.batch_size))
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=num_steps, pct_start=WARM_UP_SHARE
    )
    network.train()
    rng = np.random.default_rng(config.seed)
    batches = shuffled_batches(len(clips), config.batch_size, rng)
    for step in track(range(num_steps), "recogniser", total=num_steps):
        rows = next(batches)
        varied = to_network(augment(clips[rows], config.augment, rng)).to(device)
        loss = functional.cross_entropy(
            network(varied), torch.from_numpy(labels[rows]).to(device), label_smoothing=config.label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if log is not None:
            log(step, loss.item())


def shuffled_batches(num_clips: int, batch_size: int, rng: np.random.Generator) -> Iterator[Labels]:
    """Endless batches of row numbers: every clip once per pass, a pass running on into the next."""
    waiting = np.empty(0, dtype=np.int64)
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(num_clips)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]
