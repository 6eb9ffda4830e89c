"""What the bundled model, trained on RAVDESS speech alone, makes of other corpora.

Writes training/records/cross-corpus.json.

    python training/cross_corpus.py emodb=DIR savee=DIR tess=DIR
    python training/cross_corpus.py --model outdoors ...        # another model; cross-corpus-outdoors.json

UAR goes over the labels that a corpus has; intervals are over its speakers (bootstrap, 95 %). A second UAR
lets the model choose among those labels alone: the first counts every answer that no utterance could have as wrong.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from audio_emotion import load_model
from audio_emotion.corpora.sources import gather, parse_sources
from audio_emotion.evaluation import metrics
from audio_emotion.evaluation.evaluate import evaluate_utterances

RECORDS = Path(__file__).parent / "records"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a stored one; left out: the bundled one")
    parser.add_argument("corpora", nargs="+", metavar="CORPUS=DIR")
    given = parser.parse_args()
    model = load_model(given.model, device="cpu") if given.model else load_model(device="cpu")
    record: dict[str, object] = {"model": model.config.sha256, "trained on": model.config.training["corpora"]}
    for source in parse_sources(given.corpora):
        corpus = gather([source])
        evaluation = evaluate_utterances(model, corpus.utterances)
        intervals = evaluation.intervals(np.random.default_rng(0))
        record[corpus.name] = {
            "utterances": len(evaluation.utterances),
            "labels": list(evaluation.occurring),
            "speakers": len(evaluation.speakers),
            **{name: round(value, 4) for name, value in evaluation.scores().items()},
            "uar 95 %": [round(end, 4) for end in intervals.uar] if intervals else None,
            "uar among these labels": round(metrics.uar(evaluation.targets, evaluation.among(evaluation.occurring)), 4),
            "answers": dict(Counter(evaluation.answers).most_common()),
            "answered otherwise": evaluation.unanswered,
        }
        print(corpus.name, record[corpus.name], flush=True)
    name = f"cross-corpus-{Path(given.model).name}.json" if given.model else "cross-corpus.json"
    (RECORDS / name).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
