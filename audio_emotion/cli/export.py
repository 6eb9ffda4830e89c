"""``audio-emotion export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli import _completion
from audio_emotion.cli._app import command, tell_left_out
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._messages import note
from audio_emotion.cli._options import Model
from audio_emotion.core.errors import UsageError
from audio_emotion.core.paths import display_path
from audio_emotion.models.checkpoint import default_model

if TYPE_CHECKING:
    from audio_emotion.export.bundle import Checked, EvalSet
    from audio_emotion.inference.model import Model as Loaded
    from audio_emotion.models.checkpoint import ModelConfig

EXAMPLES = """
    audio-emotion export app-model/
    audio-emotion export app-model/ --as onnx-int8 --as ort-int8 --data recordings/
    audio-emotion export app-model/ --model mine --as torch
    audio-emotion export --web page/
"""


@command
def export(
    target: Annotated[Path, typer.Argument(help="A new folder, or the folder of an earlier export.", metavar="DIR")],
    model: Model = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="Format: onnx, onnx-int8, ort, ort-int8 (ONNX Runtime's own format, for phones) or torch. "
            "Repeat it for several. Default: every available format.",
            metavar="FORMAT",
            rich_help_panel="Model",
            autocompletion=one_of(*_completion.EXPORTS),
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Labelled recordings to compare the formats on, and to calibrate 8-bit integers. Repeat it for "
            "several.",
            metavar="SOURCE",
            rich_help_panel="Check",
        ),
    ] = None,
    clips: Annotated[
        int, typer.Option(help="Maximum number of recordings to use.", metavar="N", min=8, rich_help_panel="Check")
    ] = 200,
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Write a web page for any file host instead. The model runs in the browser.",
            rich_help_panel="Page",
        ),
    ] = False,
    registry: Annotated[
        str | None,
        typer.Option(
            help="npm registry to download ONNX Runtime Web from. Default: npm's own.",
            envvar="NPM_CONFIG_REGISTRY",
            metavar="URL",
            rich_help_panel="Page",
        ),
    ] = None,
) -> None:
    """Export a model for other programs: waveform in, probabilities out."""
    if web:
        _page(target, model or default_model(), registry, bool(kinds or data))
        return
    from dataclasses import replace

    import numpy as np
    from scipy.special import softmax

    from audio_emotion.export import bundle, calibration
    from audio_emotion.export.variants import Origin
    from audio_emotion.inference.loading import load_model
    from audio_emotion.models import checkpoint, entry
    from audio_emotion.models.descriptors import maker

    model = model or default_model()
    config = checkpoint.read(checkpoint.find(model))
    loaded = load_model(model, "cpu", "torch" if config.graph == "none" else "onnx")
    eval_set = _recordings(loaded, data, clips) if data else calibration.made(loaded, np.random.default_rng(0))
    expected = softmax(loaded.runtime.logits(eval_set.windows) / config.temperature, axis=1)
    if config.graph == "features":
        eval_set = replace(
            eval_set, windows=maker(entry(config.architecture).frontend, config.frontend)(eval_set.windows)
        )
    origin = Origin(checkpoint.find(model), config, eval_set.windows if data else None)
    forms = kinds or _to_be_had(config, with_speech=bool(data))
    found = bundle.export(origin, target, forms, eval_set, expected)
    _tell(found, len(eval_set.targets))
    if not data:
        note("compared on generated sounds; to see the accuracy on real recordings, add --data")
    elif config.training.get("speakers"):
        note("if the model was trained on speakers of these recordings, only use the figures to compare the formats")
    note(f"written to {display_path(target)}")


def _page(target: Path, model: str, registry: str | None, forms: bool) -> None:
    """Write the page of ``--web``."""
    from audio_emotion.export.web import REGISTRY, write_page
    from audio_emotion.models.checkpoint import find

    if forms:
        raise UsageError("--as and --data cannot be used with --web, whose page has a fixed format; remove them")
    write_page(find(model), target, registry or REGISTRY)
    note(
        f"written to {display_path(target)}; use any file host, or on this machine: "
        f"python -m http.server -d {display_path(target)}"
    )


def _recordings(loaded: "Loaded", data: list[str], clips: int) -> "EvalSet":
    from audio_emotion.corpora.sources import gather, parse_sources
    from audio_emotion.export import calibration

    corpus = gather(parse_sources(data))
    tell_left_out(corpus.left_out)
    return calibration.recordings(loaded, corpus.utterances, clips)


def _to_be_had(config: "ModelConfig", with_speech: bool) -> tuple[str, ...]:
    """Return the formats that are available for a model."""
    from audio_emotion.export.variants import KINDS

    if config.graph == "none":
        return ("torch",)
    return tuple(
        kind
        for kind in KINDS
        if (config.int8 or with_speech or "int8" not in kind) and (config.graph == "waveform" or kind != "torch")
    )


def _tell(found: "list[Checked]", n_labelled: int) -> None:
    """Print the comparison of the formats."""
    print(f"{'format':10} {'file':16} {'KB':>7} {'ms':>6} {'differs':>8} {'at most':>8} {'same':>6}  UAR / accuracy")
    for variant in found:
        reached = "-"
        if variant.uar is not None and variant.accuracy is not None:
            reached = f"{100 * variant.uar:.1f} / {100 * variant.accuracy:.1f} %"
        print(
            f"{variant.kind:10} {variant.file:16} {variant.size_bytes / 1000:7.0f} {variant.milliseconds:6.2f} "
            f"{variant.differs_mean:8.5f} {variant.differs_most:8.5f} {100 * variant.same:5.1f}%  {reached}"
        )
    over = f"{n_labelled} recordings" if n_labelled else "generated sounds"
    print(f"ms: time per window on one thread; differs, at most: mean and maximum difference of a score, over {over}")
