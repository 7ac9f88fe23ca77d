"""The report as one HTML file that needs nothing else: no network, no other file."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from t2s.report.blocks import Section
from t2s.report.inputs import Inputs
from t2s.report.sections.clips import clips
from t2s.report.sections.data import data
from t2s.report.sections.meaning import meaning
from t2s.report.sections.overview import overview
from t2s.report.sections.provenance import provenance
from t2s.report.sections.timesteps import timesteps
from t2s.report.sections.training import training

SECTIONS = (overview, clips, meaning, timesteps, training, data, provenance)

environment = Environment(
    loader=PackageLoader("t2s.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def render_page(inputs: Inputs) -> str:
    """The whole page. Every string in it is escaped; the policy in its head forbids any request."""
    return render_sections([section(inputs) for section in SECTIONS], inputs.run.text("fingerprint") or "")


def render_sections(sections: list[Section], fingerprint: str) -> str:
    """Sections → HTML."""
    style, script = _source("report.css"), _source("report.js")
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("report.html.j2").render(
        sections=sections, fingerprint=fingerprint, policy=policy, style=Markup(style), script=Markup(script)
    )


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8").strip()


def _digest(content: str) -> str:
    """A content security policy's name for an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
