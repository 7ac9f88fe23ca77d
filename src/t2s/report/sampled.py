"""How generated clips were sampled."""

from t2s.report.documents import Document
from t2s.report.wording import count, decimal


def how_sampled(params: Document, section: str) -> str:
    """Sampler, steps, guidance and polish of a section of params.yaml, in words; "" where it names no sampler."""
    sampler = params.text(f"{section}.sampler")
    if sampler is None:
        return ""
    steps, guidance, rescale, polish = (
        params.number(f"{section}.{key}") for key in ("num_steps", "guidance_scale", "guidance_rescale", "polish")
    )
    rescaled = f", rescaled by {decimal(rescale)}" if rescale else ""
    cleaned = f", polish {count(polish)}" if polish else ""
    return f"{sampler}, {count(steps)} steps, guidance scale {decimal(guidance)}{rescaled}{cleaned}"
