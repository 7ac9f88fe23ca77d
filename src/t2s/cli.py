"""The command line. Heavy imports stand inside the commands, so that `t2s --help` answers at once."""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from t2s.allocator import keep_freed_memory
from t2s.choices import Precision, SamplerName
from t2s.cores import respect_quota
from t2s.errors import UserError
from t2s.stage import begin_stage, faults_in_one_line, one_line_warning

app = typer.Typer(
    help="Text to short sign-language clips: sample from a trained model, run the pipeline's stages, look inside.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Look at data sets.", no_args_is_help=True, rich_markup_mode=None)
runs_app = typer.Typer(
    help="Saved progress, from which a killed training or preprocessing goes on.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")

DEFAULT_CHECKPOINT = Path("models/t2s.safetensors")
RECOGNISER = Path("models/recogniser.safetensors")


def run() -> None:
    """Entry point."""
    warnings.showwarning = one_line_warning
    respect_quota()
    keep_freed_memory()
    with faults_in_one_line():
        app()


@app.command()
def sample(
    text: Annotated[str, typer.Argument(help="A sign, or several that follow each other: 'hello thank you'.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Trained model.", show_default=str(DEFAULT_CHECKPOINT))
    ] = None,
    model: Annotated[str | None, typer.Option(help="MLflow model instead, e.g. models:/t2s@champion.")] = None,
    output_dir: Annotated[Path, typer.Option(help="Folder for the clips.")] = Path("samples"),
    seed: Annotated[int, typer.Option(min=0, help="Sample i uses seed + i.")] = 0,
    num_samples: Annotated[int, typer.Option(min=1, max=1024, help="Clips to make.")] = 1,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Solver steps, with guidance two passes each, at most the model's timesteps; default 12."
        ),
    ] = None,
    guidance_scale: Annotated[float | None, typer.Option(min=0.0, max=50.0, help="1: no guidance; default 2.")] = None,
    sampler: Annotated[SamplerName | None, typer.Option(help="Default dpmpp.")] = None,
    polish: Annotated[
        int | None, typer.Option(min=0, max=16, help="Rounds that take noise out of a finished clip; default 2.")
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="bf16, fp32 or auto: bf16 where the hardware multiplies it. Default auto.")
    ] = None,
    format: Annotated[Literal["mp4", "gif", "png"], typer.Option(help="png is a contact sheet.")] = "mp4",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N")] = "auto",
    scale: Annotated[int, typer.Option(min=1, max=16, help="Each pixel becomes SCALE x SCALE.")] = 4,
    mark: Annotated[bool, typer.Option(help="A visible AI-generated strip.")] = True,
) -> None:
    """Make clips of a text and print where they are."""
    from t2s.prompts import file_stem, require_text

    require_text(text)
    if model is not None and checkpoint is not None:
        raise UserError("--checkpoint and --model both name a model; give one of them")
    from t2s.progress import step_bar
    from t2s.sampling import Text2Sign

    if model is not None:
        from t2s.serving import resolve_model_uri

        checkpoint = resolve_model_uri(model)
    from t2s.diffusion.lean_import import import_solvers

    import_solvers()
    options: dict[str, Any] = {
        "num_steps": steps, "guidance_scale": guidance_scale, "sampler": sampler, "polish": polish,
        "precision": precision,
    }  # fmt: skip
    given = {key: value for key, value in options.items() if value is not None}  # sampling.py has the other defaults
    text2sign = Text2Sign.from_checkpoint(checkpoint or _own_checkpoint(), device)
    with step_bar("sample") as on_step:
        made = text2sign(text, num_samples, seed, **given, on_step=on_step)
    target = output_dir / f"{file_stem(text)}-seed{seed}.{format}"
    for path in made.save(target, mark=mark, scale=scale):
        typer.echo(path)


@app.command()
def info(file: Annotated[Path, typer.Argument(help="A checkpoint, or a clip made by t2s.")]) -> None:
    """Say what a checkpoint or a generated clip is, and which MLflow run it comes from."""
    import json

    from t2s.inspection import describe

    typer.echo(json.dumps(describe(file), indent=2, ensure_ascii=False))


@app.command()
def weights(
    params: Annotated[Path, typer.Option(help="Parameter file.")] = Path("params.yaml"),
    output: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("weights.png"),
) -> None:
    """Plot the loss weight of every timestep under each strategy; print the table of the chosen one."""
    from t2s.weight_curves import plot_weights, weights_table

    typer.echo(weights_table(params))
    typer.echo(plot_weights(params, output))


@app.command()
def compare(
    checkpoint_a: Annotated[Path, typer.Argument(help="The old one: left.")],
    checkpoint_b: Annotated[Path, typer.Argument(help="The new one: right.")],
    text: Annotated[str, typer.Option(help="The prompt both get.")] = "hello",
    output_dir: Annotated[Path, typer.Option(help="Folder for the clips.")] = Path("samples"),
    seed: Annotated[int, typer.Option(min=0, help="Of the noise both get.")] = 0,
    clips: Annotated[Path, typer.Option(help="Real clips for the skill table.")] = Path("data/clips"),
    num_clips: Annotated[int, typer.Option(min=1, help="How many of them.")] = 16,
) -> None:
    """Old against new: clips side by side from the same noise, and a table of per-timestep skill."""
    from t2s.comparison import compare_checkpoints

    typer.echo(compare_checkpoints(checkpoint_a, checkpoint_b, text, output_dir, seed, clips, num_clips))


@app.command()
def preprocess() -> None:
    """Run the preprocess stage here, without DVC."""
    _run_stage("preprocess")


@app.command()
def validate() -> None:
    """Run the validate stage here, without DVC."""
    _run_stage("validate")


@app.command()
def train(
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard the saved state and start from step 0.")] = False,
) -> None:
    """Run the train stage here, without DVC; it goes on from where it was stopped."""
    _run_stage("train", fresh=fresh)


@app.command()
def evaluate(
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another model, such as runs/…/best.safetensors: it is not registered.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Where the figures of another model go.", show_default="evaluations")
    ] = None,
) -> None:
    """Run the evaluate stage here, without DVC."""
    _stage_script("evaluate")
    if output_dir is not None and checkpoint is None:
        raise UserError("--output-dir is for another model: name it by --checkpoint, or leave the folder out")
    from t2s.staleness import require_current, require_made

    if checkpoint is None:
        require_made(DEFAULT_CHECKPOINT, "train")
        require_current(DEFAULT_CHECKPOINT)
    require_made(RECOGNISER, "recogniser")
    _run_stage("evaluate", checkpoint=checkpoint, output_dir=output_dir or Path("evaluations"))


@app.command()
def demo(
    checkpoint: Annotated[
        Path | None, typer.Option(help="Trained model.", show_default=str(DEFAULT_CHECKPOINT))
    ] = None,
    clips: Annotated[Path, typer.Option(help="Real clips to show beside the generated ones.")] = Path("data/clips"),
    host: Annotated[str, typer.Option(help="Another address opens the demo to other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 7860,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N")] = "auto",
    allow_name: Annotated[
        list[str] | None, typer.Option(help="Further name under which browsers may ask for it; may be repeated.")
    ] = None,
) -> None:
    """Serve a page on which to type a prompt and watch its clips; Ctrl-C ends it."""
    from t2s.demo.server import serve

    serve(checkpoint or _own_checkpoint(), clips, host, port, device, allow_name or ())


@data_app.command("inspect")
def data_inspect(
    root: Annotated[Path, typer.Argument(help="Folder of a data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """What is in a data set: format, splits, signs, signers, missing files, durations, disk, licence."""
    import json

    from t2s.data.config import DataConfig
    from t2s.data.inspect import inspect_root
    from t2s.data.inspect_table import format_table
    from t2s.paramsfile import read_section

    params = Path("params.yaml")
    found = inspect_root(root, read_section(params, DataConfig) if params.is_file() else None)
    typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if as_json else format_table(found))


@runs_app.command("list")
def runs_list() -> None:
    """Saved progress of trainings and preprocessing: name, step, size, age."""
    from t2s.training.runs import list_runs, runs_table

    typer.echo(runs_table(list_runs(_project())))


@runs_app.command("clean")
def runs_clean(
    fingerprints: Annotated[
        list[str] | None, typer.Argument(help="Which; none: all that neither run nor hold what MLflow still lacks.")
    ] = None,
) -> None:
    """Delete saved progress of trainings and preprocessing."""
    from t2s.training.runs import clean_runs, list_runs

    root = _project()
    waiting = [] if fingerprints else [run for run in list_runs(root) if run.unsent]
    for run in waiting:
        if run.pid is None:
            typer.echo(f"kept {run.name}: its metrics wait for MLflow; name it to delete it all the same", err=True)
    for name in clean_runs(root, fingerprints or None, keep=[run.name for run in waiting]):
        typer.echo(f"removed {name}")


def _project() -> Path:
    """Where progress is saved: here, or in the main checkout when DVC runs us; only of what looks like a project."""
    from t2s.provenance import project_root

    root = project_root()
    if not (root / "runs").is_dir() and not (root / "pipelines/train.py").is_file():
        raise UserError(f"{root}: has neither runs/ nor pipelines/train.py; run from the root of a t2s project")
    return root


def _own_checkpoint() -> Path:
    """The project's model, unless it is not there or params.yaml asks for another one by now."""
    from t2s.staleness import best_so_far, require_current, require_made

    best = best_so_far(Path())
    instead = "" if best is None else f"; --checkpoint {best} is the best of the last training so far"
    require_made(DEFAULT_CHECKPOINT, "train", instead)
    require_current(DEFAULT_CHECKPOINT, f", --checkpoint {DEFAULT_CHECKPOINT} takes this one as it is")
    return DEFAULT_CHECKPOINT


def _stage_script(name: str) -> Path:
    """pipelines/<name>.py of the project we stand in."""
    path = Path("pipelines") / f"{name}.py"
    if not path.is_file():
        raise UserError(f"{path}: no such file; run from the root of a t2s project")
    return path


def _run_stage(name: str, **options: Any) -> None:
    """Run a stage's script in this process."""
    import runpy

    path = _stage_script(name)
    begin_stage()
    runpy.run_path(str(path))["main"](**options)
