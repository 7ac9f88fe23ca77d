"""The section `signer:` of params.yaml: whom the synthetic signer shows, how often, and how it is filmed."""

from pydantic import BaseModel, ConfigDict, Field


class SignerConfig(BaseModel):
    """The synthetic data set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0, le=2**32 - 1, description="seed of all looks and performances")
    num_train_signers: int = Field(ge=1, le=10_000, description="persons in the train split")
    num_val_signers: int = Field(ge=0, le=10_000, description="persons in the val split")
    num_test_signers: int = Field(ge=0, le=10_000, description="persons in the test split")
    performances: int = Field(ge=1, le=1_000, description="clips per person and sign")
    image_size: int = Field(ge=32, le=512, multiple_of=2, description="side of the video, pixels")
    fps: int = Field(ge=4, le=60, description="frames per second of the video")
    duration_s: float = Field(ge=0.5, le=10.0, description="length of a clip, seconds")
    crf: int = Field(ge=0, le=40, description="H.264 constant rate factor: 0 is lossless, 23 usual")

    @property
    def num_frames(self) -> int:
        """Frames of one clip."""
        return max(2, round(self.fps * self.duration_s))
