"""All of params.yaml, checked as a whole. Stages use `read_sections`, which also heeds T2S_RUNTIME_* variables."""

from pathlib import Path
from typing import Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from t2s.data.config import DataConfig, PreprocessConfig
from t2s.diffusion.config import DiffusionConfig
from t2s.errors import UserError
from t2s.evaluation.config import EvaluateConfig, RecogniserConfig
from t2s.models.config import ModelConfig, misfits, rank_bottleneck
from t2s.paramsfile import explain, load_yaml
from t2s.presets import apply_preset
from t2s.runtime_config import RuntimeConfig
from t2s.sample_config import SampleConfig
from t2s.signer.config import SignerConfig
from t2s.training.config import TrainConfig


class Settings(BaseSettings):
    """Every section. Environment variables are not read: DVC could not see them."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    data: DataConfig
    signer: SignerConfig
    preprocess: PreprocessConfig
    model: ModelConfig
    diffusion: DiffusionConfig
    train: TrainConfig
    recogniser: RecogniserConfig
    evaluate: EvaluateConfig
    sample: SampleConfig
    runtime: RuntimeConfig

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what `load` passes."""
        return (init_settings,)

    @classmethod
    def load(cls, path: Path | str = "params.yaml") -> Self:
        """Read and check everything, what no single section can see included.

        Raises:
            UserError: one line with every mistake: key, value, what is allowed.
        """
        content = load_yaml(path)
        try:
            settings = cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{path}: " + "; ".join(explain(error, ""))) from None
        problems = list(settings._mismatches())
        if problems:
            raise UserError(f"{path}: " + "; ".join(problems))
        return settings

    def _mismatches(self) -> list[str]:
        model, train = apply_preset(self.model, self.train)
        found = misfits(model, train.coarse_fraction, train.thin_frames, self.data.image_size, self.data.num_frames)
        for name, num_steps in (("sample", self.sample.num_steps), ("evaluate", self.evaluate.num_steps)):
            if num_steps > self.diffusion.num_timesteps:
                found.append(
                    f"{name}.num_steps {num_steps} must be at most diffusion.num_timesteps "
                    f"{self.diffusion.num_timesteps}"
                )
        return found

    @property
    def warnings(self) -> list[str]:
        """What is allowed and likely not meant."""
        model, _ = apply_preset(self.model, self.train)
        found = [rank_bottleneck(model, self.diffusion.prediction_type)]
        if self.recogniser.seed == self.train.seed:
            found.append(
                f"recogniser.seed and train.seed are both {self.train.seed}: the judge should have another one"
            )
        return [warning for warning in found if warning]
