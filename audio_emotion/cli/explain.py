"""``audio-emotion explain``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_emotion.cli._app import command
from audio_emotion.cli._completion import one_of
from audio_emotion.cli._messages import note
from audio_emotion.cli._options import Device, End, Model, Start

if TYPE_CHECKING:
    from audio_emotion.explanation import Explanation

EXAMPLES = """
    audio-emotion explain speech.wav
    audio-emotion explain speech.wav --label sad -o sad.svg
    audio-emotion explain interview.mp4 --start 61 --end 75 --json
    audio-emotion explain speech.wav --method gradients
"""


@command
def explain(
    file: Annotated[Path, typer.Argument(help="A recording or a video; at most 30 seconds of it.", metavar="FILE")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Image file to write, .png or .svg. Default: explain.png.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print every importance as JSON. Writes an image only with --out.", rich_help_panel="Output"
        ),
    ] = False,
    label: Annotated[
        str | None,
        typer.Option(
            help="Explain this label instead of the predicted one.",
            metavar="LABEL",
            show_default=False,
            rich_help_panel="Prediction",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="occlusion, or gradients (integrated gradients, needs torch).",
            metavar="METHOD",
            rich_help_panel="Prediction",
            autocompletion=one_of("occlusion", "gradients"),
        ),
    ] = "occlusion",
    gate: Annotated[
        bool,
        typer.Option(
            "--gate/--no-gate", help="Ignore windows of silence, hum and noise.", rich_help_panel="Prediction"
        ),
    ] = True,
    model: Model = None,
    device: Device = "auto",
    start: Start = 0.0,
    end: End = None,
) -> None:
    """Plot which parts of a recording drove the prediction."""
    from audio_emotion.audio.region import AudioRegion
    from audio_emotion.explanation import check_method
    from audio_emotion.explanation import explain as run
    from audio_emotion.formats.plot import kind_of, save
    from audio_emotion.inference.loading import load_model
    from audio_emotion.models.checkpoint import default_model

    target = out or (None if as_json else Path("explain.png"))
    if target:
        kind_of(target)
    part = AudioRegion(start, end)
    backend = "torch" if check_method(method) == "gradients" else "auto"
    loaded = load_model(model or default_model(), device, backend)  # type: ignore[arg-type]
    explanation = run(loaded, file, part=part, label=label, method=method, gate=gate)  # type: ignore[arg-type]
    if target:
        from audio_emotion.explanation.plot import draw_explanation

        save(draw_explanation(explanation, str(file)), target)
    print(_json(explanation, file, loaded.config.name, loaded.runtime.device) if as_json else _text(explanation))
    if target:
        from audio_emotion.core.paths import display_path

        note(f"image written to {display_path(target)}")


def _json(explanation: "Explanation", file: Path, model: str, device: str) -> str:
    from audio_emotion.formats.json_writers import as_dict
    from audio_emotion.formats.result import Source

    attribution = explanation.attribution
    explained = {
        "label": explanation.label,
        "method": explanation.method,
        "log_odds": attribution.log_odds,
        "background_log_odds": attribution.background,
        "times": explanation.times.round(4).tolist(),
        "over_time": attribution.over_time.round(4).tolist(),
        "frequencies": attribution.hertz.round(1).tolist(),
        "importance": attribution.heat.round(4).tolist(),
    }
    return json.dumps(as_dict(Source(str(file), model, device), explanation.prediction, explained=explained), indent=2)


def _text(explanation: "Explanation") -> str:
    """Return the prediction, and the strongest time spans for and against it."""
    prediction, label = explanation.prediction, explanation.label
    lines = [f"Predicted emotion: {prediction.label} with {100 * prediction.score:.2f}% confidence"]
    if label != prediction.label:
        lines.append(f"Explained: {label}, {100 * prediction.scores[label]:.2f}%")
    lines.append(f"Log-odds of {label}: {explanation.attribution.log_odds:+.2f}")
    lines += [
        f"Strongest evidence {side} it: {_strongest(explanation, side == 'against')}" for side in ("for", "against")
    ]
    return "\n".join(lines)


def _strongest(explanation: "Explanation", against: bool) -> str:
    """Return the strongest time spans; those within noise are only mentioned."""
    from audio_emotion.explanation import NOISE

    strongest = explanation.regions(against=against)[:3]
    listed = [f"{start:.1f}-{end:.1f} s ({top:+.2f})" for start, end, top in strongest if abs(top) >= NOISE]
    if len(listed) < len(strongest):
        listed.append(f"{'the rest is' if listed else 'only'} noise, below {NOISE:g}")
    return ", ".join(listed) or "nothing"
