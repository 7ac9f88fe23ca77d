"""Device, precision and processes of a training, as params.yaml and the launcher say."""

from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, DistributedType, InitProcessGroupKwargs

from t2s.device import resolve_device
from t2s.errors import UserError
from t2s.precision import resolve_precision
from t2s.runtime_config import RuntimeConfig
from t2s.training.config import TrainConfig

DATA_PARALLEL = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
PATIENCE = timedelta(hours=2)  # how long processes wait for the main one: it alone verifies, validates and samples


def make_accelerator(runtime: RuntimeConfig, train: TrainConfig) -> Accelerator:
    """The Accelerator that trainings run on.

    Raises:
        UserError: runtime.device is not there, or names one GPU for several processes; or the launcher asks for
            another way to split the work than data parallelism.
    """
    device = resolve_device(runtime.device)
    if device.index is not None:
        torch.cuda.set_device(device)  # what Accelerate calls "cuda" is the current one
    precision = resolve_precision(train.precision, device)
    # Parameters without a gradient: the projection's convolutions in the coarse part, the temporal path at weight 0.
    some_idle = train.coarse_fraction > 0 or train.temporal_weight == 0
    handlers = [
        InitProcessGroupKwargs(timeout=PATIENCE),
        DistributedDataParallelKwargs(
            find_unused_parameters=some_idle,
            gradient_as_bucket_view=True,  # else gradients are held twice
            broadcast_buffers=False,  # the network's only buffer is a constant
        ),
    ]
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="bf16" if precision == "bf16" else "no",
        # The loop places the model. Among several processes on CPU, Accelerate would place it once more, on cpu:0: that
        # is a copy, and the averaged weights would go on following the first one.
        device_placement=False,
        kwargs_handlers=handlers,
    )
    if runtime.num_threads:  # after it: of several processes it sets a number of its own
        torch.set_num_threads(runtime.num_threads)
    if accelerator.distributed_type not in DATA_PARALLEL:
        raise UserError(
            f"the launcher asks for {accelerator.distributed_type.value}; the train stage supports data parallelism "
            "only (torchrun, or accelerate launch --multi_gpu)"
        )
    if device.index is not None and accelerator.num_processes > 1:
        raise UserError(f"params.yaml: runtime.device {device} is one GPU; several processes need 'cuda' or 'auto'")
    return accelerator
