"""Names that are chosen in more than one place: params.yaml, the command line, Python, the demo's page."""

from typing import Literal

SamplerName = Literal["dpmpp", "ddim", "ddpm"]
Precision = Literal["auto", "fp32", "bf16"]
