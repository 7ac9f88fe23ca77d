"""The `runtime:` section of params.yaml: where and how to run."""

from pydantic import BaseModel, ConfigDict, Field


class RuntimeConfig(BaseModel):
    """Where and how to run; only device and num_threads can change a result, in its rounding and noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    num_threads: int = Field(ge=0, description="CPU threads of PyTorch; 0 = all")
    num_workers: int = Field(ge=0, description="processes that read train clips; 0 = in the trainer")
    checkpoint_every_s: float = Field(gt=0, description="seconds between resume checkpoints")
    keep_checkpoints: int = Field(ge=1)
    experiment: str = Field(min_length=1, description="MLflow experiment")
