"""The `data:` and `preprocess:` sections of params.yaml: what is read, and how it becomes clips."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Source = Literal[
    "auto", "synthetic", "manifest", "folder", "asl_citizen", "wlasl", "ms_asl", "how2sign", "phoenix2014t", "openasl"
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DecodeLimits(_Section):
    """What one media file may cost before it is quarantined."""

    time_s: float = Field(gt=0, description="wall-clock seconds one clip may take to decode")
    memory_mib: int = Field(ge=64, description="MiB a decoder may allocate beyond what it needs when idle")
    max_pixels: int = Field(ge=1, description="largest width x height of a frame")
    max_frames: int = Field(ge=1, description="most source frames one clip may span")
    end_tolerance_s: float = Field(ge=0, description="how far a clip's end may lie past the file's end, seconds")


class SplitCounts(_Section):
    """A minimum per split; 0 asks for nothing."""

    train: int = Field(ge=0, description="at least so many in train")
    val: int = Field(ge=0, description="at least so many in val")
    test: int = Field(ge=0, description="at least so many in test")


class QualityChecks(_Section):
    """What the validate stage asks of the clips beside what it always asks."""

    min_clips_per_split: SplitCounts
    min_clips_per_sign: SplitCounts
    outlier_deviations: float = Field(
        gt=0, description="robust deviations off the median brightness or motion that earn a clip a warning"
    )


class DataConfig(_Section):
    """Where clips come from, which of them are used, and the shape they take."""

    source: Source = Field(
        description="which reader makes the manifest; auto = by what lies in root, synthetic without one"
    )
    root: str | None = Field(description="folder of a real data set; null for the synthetic signer")
    subset: str | None = Field(description="a named part of the data set (WLASL: nslt_100 ...); null = all")
    split_key: Literal["signer", "video", "given"] = Field(description="what never appears in two splits")
    signs: list[str] | None = Field(description="only these signs; null = all")
    max_clips: int | None = Field(ge=1, description="at most so many clips; null = all")
    val_fraction: float = Field(ge=0, lt=1, description="share of split keys put into val when splits are made")
    test_fraction: float = Field(ge=0, lt=1, description="share of split keys put into test when splits are made")
    min_clips_per_sign: int = Field(ge=1, description="signs with fewer clips are left out")
    licence_acknowledged: bool = Field(description="true once you have read and accepted the data set's licence")
    max_quarantine_fraction: float = Field(
        ge=0, le=1, description="share of unusable clips above which preprocess fails"
    )
    num_frames: int = Field(ge=3, le=512, description="frames of a stored clip")
    image_size: int = Field(ge=8, le=1024, description="height and width of a stored clip, pixels")
    sampling: Literal["uniform", "fps"] = Field(description="frames spread over the clip, or at a fixed rate")
    fps: float = Field(gt=0, le=240, description="frames per second taken when sampling is fps")
    crop: Literal["none", "centre", "box"] = Field(description="whole frame, centre square, or the manifest's box")
    clips_per_shard: int = Field(ge=1, le=65536, description="clips in one shard file")
    max_caption_length: int = Field(ge=1, description="longest caption, characters")
    decode: DecodeLimits
    checks: QualityChecks

    @model_validator(mode="after")
    def _root_goes_with_source(self) -> Self:
        if self.source not in ("auto", "synthetic") and self.root is None:
            raise ValueError(f"source {self.source} needs data.root, the folder of the data set")
        return self

    @model_validator(mode="after")
    def _some_are_left_to_train_on(self) -> Self:
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"val_fraction {self.val_fraction} and test_fraction {self.test_fraction} leave nothing to train on: "
                "together they must be below 1"
            )
        return self

    @model_validator(mode="after")
    def _signer_heeds_what_is_asked(self) -> Self:
        for key in ("root", "subset", "max_clips"):
            if self.is_synthetic and getattr(self, key) is not None:
                raise ValueError(
                    f"data.{key} has no effect on the synthetic signer: leave it null, or choose another data.source "
                    "(how many clips the signer makes is said in signer:)"
                )
        return self

    @property
    def is_synthetic(self) -> bool:
        """Whether the clips come from the embedded signer."""
        return self.source == "synthetic" or (self.source == "auto" and self.root is None)


class PreprocessConfig(_Section):
    """How preprocessing is carried out; nothing here changes a bit of its output."""

    engine: Literal["processes", "dask"] = Field(description="this machine's processes, or a dask cluster")
    workers: int | None = Field(ge=1, description="decoder processes on this machine; null = one per core")
    dask_scheduler: str | None = Field(description="scheduler address, tcp://host:port, when engine is dask")

    @model_validator(mode="after")
    def _dask_needs_a_scheduler(self) -> Self:
        if self.engine == "dask" and self.dask_scheduler is None:
            raise ValueError("engine dask needs preprocess.dask_scheduler (tcp://host:port)")
        return self
