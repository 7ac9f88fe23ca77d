"""The command line as people meet it: its help word for word, what it writes, and one line for every mistake.

After a change to the help: `python tests/test_cli.py` writes tests/cli_help.txt anew; read the difference.
"""

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from calls import Call, Done

from t2s import cli

HELP = Path(__file__).parent / "cli_help.txt"
WIDTH = 100


def process(*arguments: object, **options: Any) -> Done:
    """The same as a process of its own."""
    code = "from t2s.cli import run; run()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, **options)
    return Done(done.returncode, done.stdout, done.stderr)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that call it."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


def all_help() -> str:
    """The help of every command, one after the other, as on a terminal of WIDTH columns."""
    from typer.testing import CliRunner

    pages = []
    for path, _ in commands(typer.main.get_command(cli.app)):
        shown = CliRunner().invoke(
            cli.app, [*path, "--help"], prog_name="t2s", terminal_width=WIDTH, max_content_width=WIDTH, color=False
        )
        assert shown.exit_code == 0
        pages.append(f"$ {' '.join(('t2s', *path))} --help\n{shown.output.strip()}\n")
    return "\n".join(pages)


def test_the_help_is_what_was_agreed() -> None:
    assert all_help() == HELP.read_text("utf-8"), "if this is meant: python tests/test_cli.py"


def test_every_command_and_option_is_explained() -> None:
    for path, command in commands(typer.main.get_command(cli.app)):
        assert command.help, path
        silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
        assert not silent, f"t2s {' '.join(path)}: {silent} have no help"


def test_the_defaults_that_the_help_names_are_those_of_sampling() -> None:
    from t2s import sampling

    shown = {
        parameter.name: re.search(r"[Dd]efault (\S+)\.", parameter.help)
        for parameter in typer.main.get_command(cli.app).commands["sample"].params  # type: ignore[attr-defined]
    }
    named = {name: found[1] for name, found in shown.items() if found}
    assert named == {
        "steps": str(sampling.DEFAULT_NUM_STEPS),
        "guidance_scale": f"{sampling.DEFAULT_GUIDANCE_SCALE:g}",
        "polish": str(sampling.DEFAULT_POLISH),
        "sampler": sampling.DEFAULT_SAMPLER,
        "precision": sampling.DEFAULT_PRECISION,
    }


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
from t2s.cli import run
for arguments in (["--help"], ["sample", "--help"], ["data", "inspect", "--help"]):
    sys.argv = ["t2s", *arguments]
    try:
        run()
    except SystemExit as done:
        assert not done.code
print(*sorted({"torch", "mlflow", "cv2", "numpy", "diffusers", "dvc"} & set(sys.modules)), "- loaded")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "- loaded", done.stderr


def test_the_shell_completes_commands() -> None:
    environment = os.environ | {"_T2S_COMPLETE": "complete_bash", "COMP_WORDS": "t2s sa", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['t2s']; from t2s.cli import app; app(prog_name='t2s')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=100)
    assert done.stdout.split() == ["sample"]


# --- what commands do -------------------------------------------------------------------------------------------------


def test_sample_writes_clips_and_prints_where_they_are(t2s: Call, tiny_checkpoint: Path, tmp_path: Path) -> None:
    done = t2s("sample", "Thank  you", "--checkpoint", tiny_checkpoint, "--num-samples", 2, "--seed", 7, "--steps", 2)
    assert (done.code, done.err) == (0, "")
    paths = [Path(line) for line in done.out.splitlines()]
    assert paths == [Path(f"samples/thank-you-seed7-{i}.mp4") for i in range(2)]
    found = json.loads(t2s("info", paths[1]).out)
    assert (found["seed"], found["num_steps"], found["signs"]) == ("8", "2", '["thank you"]')


def test_sample_uses_the_defaults_of_sampling(t2s: Call, tiny_checkpoint: Path) -> None:
    from t2s import sampling

    done = t2s("sample", "hello", "--checkpoint", tiny_checkpoint, "--format", "png", "--output-dir", "new/folder")
    assert done.out == "new/folder/hello-seed0.png\n"
    found = json.loads(t2s("info", done.out.strip()).out)
    assert found["num_steps"] == str(sampling.DEFAULT_NUM_STEPS)
    assert found["guidance_scale"] == str(sampling.DEFAULT_GUIDANCE_SCALE)
    assert found["sampler"] == sampling.DEFAULT_SAMPLER


def test_an_unknown_word_is_a_warning_and_the_rest_is_made(t2s: Call, tiny_checkpoint: Path) -> None:
    done = t2s("sample", "helo thank you", "--checkpoint", tiny_checkpoint, "--steps", 1)
    assert done.code == 0
    assert done.err == ("warning: unknown: 'helo' (closest: hello); known signs: hello, thank you; they are left out\n")
    assert Path(done.out.strip()).is_file()


def test_a_sentence_never_seen_is_a_warning_and_is_made(t2s: Call, make_checkpoint: Any) -> None:
    make_checkpoint(Path("m.safetensors"), model={"text": {"tokenizer": "bpe"}}, prompts=["nobody sleeps", "he walks"])
    done = t2s("sample", "Nobody walks", "--checkpoint", "m.safetensors", "--steps", 1)
    assert (done.code, done.out) == (0, "samples/nobody-walks-seed0.mp4\n")
    assert done.err == "warning: 'Nobody walks' is not among the captions the model was trained on\n"


def test_info_names_a_checkpoint(t2s: Call, tiny_checkpoint: Path) -> None:
    found = json.loads(t2s("info", tiny_checkpoint).out)
    assert (found["kind"], found["prompts"]) == ("checkpoint", ["hello", "thank you"])


def test_weights_prints_a_table_and_draws(t2s: Call, tiny_section: Callable[..., dict[str, Any]]) -> None:
    sections = {name: tiny_section(name) for name in ("model", "diffusion", "train")}
    Path("params.yaml").write_text(yaml.safe_dump(sections))
    done = t2s("weights", "--output", "w.png")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("weighting: min_snr") and lines[-1] == "w.png"
    assert len(lines) == 2 + 50 + 1
    assert Path("w.png").read_bytes()[:4] == b"\x89PNG"


def test_compare_says_where_the_clips_are(t2s: Call, tiny_checkpoint: Path) -> None:
    done = t2s("compare", tiny_checkpoint, tiny_checkpoint, "--seed", 2)
    assert done.code == 0, done.err
    assert re.fullmatch(r"samples/compare-hello-seed2-([0-9a-f]{6})-\1\.mp4", done.out.splitlines()[0])
    assert "data/clips" in done.out.splitlines()[-1]


def test_nothing_asked_shows_the_help(t2s: Call) -> None:
    for arguments in ((), ("data",), ("runs",)):
        done = t2s(*arguments)
        assert "Usage: t2s" in done.out + done.err
        assert "error" not in (done.out + done.err).lower()


# --- mistakes ---------------------------------------------------------------------------------------------------------


class Harmful:
    """Would leave a mark if a pickle of it were opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("opened"),)  # type: ignore[return-value]


@pytest.fixture
def broken(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """A folder of files that are no checkpoints."""
    content = tiny_checkpoint.read_bytes()
    (tmp_path / "text.safetensors").write_text("hello, this is a README")
    (tmp_path / "truncated.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "flipped.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps(Harmful()))
    (tmp_path / "folder.safetensors").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "no such file"),
        ("text", "safetensors"),
        ("truncated", "truncated"),
        ("flipped", "damaged"),
        ("pickle", "a Python pickle, which can run code when opened"),
        ("folder", "is a folder"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(
    t2s: Call, broken: Path, tiny_checkpoint: Path, name: str, reason: str
) -> None:
    file = f"{name}.safetensors"
    for command in (("sample", "hello", "--checkpoint", file), ("compare", tiny_checkpoint, file), ("info", file)):
        if name == "flipped" and command[0] == "info":
            continue  # info reads the header alone
        error = t2s(*command).error
        assert error.startswith("error: ") and file in error
        assert reason in error
    assert not Path("opened").exists()


def test_the_projects_own_checkpoint_is_not_used_for_another_model(t2s: Call, make_checkpoint: Any) -> None:
    """What was trained before the last change of params.yaml is refused, unless it is named."""
    Path("models").mkdir()
    make_checkpoint(Path("models/t2s.safetensors"))
    Path("params.yaml").write_bytes((HELP.parents[1] / "params.yaml").read_bytes())
    Path("models/recogniser.safetensors").touch()
    Path("pipelines").mkdir()
    Path("pipelines/evaluate.py").touch()
    for command in (("sample", "hello"), ("evaluate",), ("demo",)):
        error = t2s(*command).error
        assert error.startswith("error: models/t2s.safetensors: is not of the model that params.yaml asks for: data.")
        assert "model.width: " in error
        assert ("--checkpoint" in error) is (command[0] != "evaluate")
    assert t2s("sample", "hello", "--checkpoint", "models/t2s.safetensors", "--steps", 2).code == 0


def test_the_default_checkpoint_is_named_when_it_is_not_there(t2s: Call) -> None:
    outside = "error: models/t2s.safetensors: no such file; run from the root of a t2s project"
    made = "error: models/t2s.safetensors: no such file; `dvc repro train` makes it"
    assert [t2s(*command).error for command in (("sample", "hello"), ("demo",))] == [outside] * 2
    Path("dvc.yaml").touch()
    assert t2s("sample", "hello").error == made
    Path("runs/abc").mkdir(parents=True)
    Path("runs/abc/best.safetensors").touch()
    best = "--checkpoint runs/abc/best.safetensors is the best of the last training so far"
    assert t2s("sample", "hello").error == f"{made}; {best}"


def test_an_evaluation_without_its_models_names_the_stages_that_make_them(t2s: Call, tiny_checkpoint: Path) -> None:
    for folder in ("pipelines", "models"):
        Path(folder).mkdir()
    for file in ("pipelines/evaluate.py", "dvc.yaml"):
        Path(file).touch()
    assert t2s("evaluate").error == "error: models/t2s.safetensors: no such file; `dvc repro train` makes it"
    Path("models/t2s.safetensors").write_bytes(tiny_checkpoint.read_bytes())
    wanted = "error: models/recogniser.safetensors: no such file; `dvc repro recogniser` makes it"
    assert t2s("evaluate").error == wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["  "], "error: the prompt is empty"),
        (["xylophone"], "error: unknown: 'xylophone'; known signs: hello, thank you"),
        (["hello", "--steps", 51], "error: num_steps 51 is outside 1 … 50"),
        (["hello", "--device", "cuda:99"], "error: device 'cuda:99' is not usable here"),
        (["hello", "--device", "tpu"], "error: device 'tpu' is unknown"),
        (["hello", "--seed", 2**63], "error: seed 9223372036854775808"),
        (["hello", "--guidance-scale", "nan"], "Error: Invalid value for '--guidance-scale'"),
        (["hello", "--model", "models:/t2s@champion"], "error: --checkpoint and --model both name a model"),
        (["hello", "--output-dir", "file/inside"], "error: file"),
        (["hello", "--sampler", "magic"], "Error: Invalid value for '--sampler'"),
        (["hello", "--steps", 0], "Error: Invalid value for '--steps'"),
        (["hello", "--seed", -1], "Error: Invalid value for '--seed'"),
        (["hello", "--guidance-scale", 51], "Error: Invalid value for '--guidance-scale'"),
        (["hello", "--format", "avi"], "Error: Invalid value for '--format'"),
        (["hello", "--speed", 2], "Error: No such option: --speed"),
        (["hello", "thank you"], "Error: Got unexpected extra argument"),
    ],
)
def test_a_sample_that_cannot_be_made_is_one_line(
    t2s: Call, tiny_checkpoint: Path, arguments: list[object], said: str
) -> None:
    Path("file").write_text("in the way")
    error = t2s("sample", *arguments, "--checkpoint", tiny_checkpoint).error
    assert error.startswith(said)
    assert not list(Path().rglob("*.mp4"))


@pytest.mark.parametrize("stage", ["preprocess", "validate", "train", "evaluate"])
def test_a_stage_outside_a_project_says_where_to_stand(t2s: Call, stage: str) -> None:
    error = t2s(stage).error
    assert error == f"error: pipelines/{stage}.py: no such file; run from the root of a t2s project"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["weights"], "error: params.yaml: no such file; run from the root of a t2s project"),
        (["info", "none.mp4"], "error: none.mp4: no such file"),
        (["data", "inspect", "nowhere"], "error: data.root = nowhere does not exist"),
        (["dance"], "Error: No such command 'dance'"),
        (["data", "dance"], "Error: No such command 'dance'"),
        (["sample"], "Error: Missing argument"),
    ],
)
def test_other_mistakes_are_one_line(t2s: Call, arguments: list[str], said: str) -> None:
    assert t2s(*arguments).error.startswith(said)


def test_a_project_with_a_mistake_in_params_yaml_names_the_key(t2s: Call) -> None:
    Path("params.yaml").write_text("model: {}\ntrain: 3\n")
    error = t2s("weights").error
    assert "section 'train' must be a mapping" in error and "section 'diffusion' is missing" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sample", "hello", "--checkpoint", "text.safetensors"], "error: text.safetensors: "),
        (["info", "truncated.safetensors"], "error: truncated.safetensors: truncated"),
        (["train"], "error: pipelines/train.py: no such file"),
    ],
)
def test_a_real_process_ends_in_one_line(broken: Path, arguments: list[str], said: str) -> None:
    done = process(*arguments, cwd=broken)
    assert done.code == 1
    assert done.error.startswith(said)
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_a_real_process_makes_a_clip_and_says_nothing_else(tmp_path: Path, tiny_checkpoint: Path) -> None:
    done = process("sample", "hello", "--checkpoint", tiny_checkpoint, "--steps", 2, cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, "samples/hello-seed0.mp4\n", "")
    assert (tmp_path / done.out.strip()).is_file()


if __name__ == "__main__":
    HELP.write_text(all_help(), "utf-8")
