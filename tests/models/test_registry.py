"""Every registered architecture keeps the contract of :mod:`tests.models.contract`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.core.errors import ModelError
from audio_emotion.inference.backends.torch import TorchRuntime
from audio_emotion.models import Entry, architectures, build, entry, frontends, register
from tests.models.contract import (
    CHECKS,
    N_LABELS,
    SMALL,
    Check,
    Subject,
    it_learns_sixteen_clips_by_heart,
    what_is_stored_comes_back_and_the_graph_agrees,
)

QUICK = ("two-channel-cnn", "cnn-1d", "speech-embedding")
LONG = (it_learns_sixteen_clips_by_heart, what_is_stored_comes_back_and_the_graph_agrees)


def cases() -> Iterator[object]:
    """Every check of every architecture; learning and exporting take long, and are slow tests for all but three."""
    for name in architectures():
        for check in CHECKS:
            marks = pytest.mark.slow if check in LONG and name not in QUICK else ()
            yield pytest.param(name, check, id=f"{name}-{check.__name__}", marks=marks)


@pytest.mark.parametrize(("name", "check"), list(cases()))
def test_contract(name: str, check: Check, tmp_path: Path):
    if name == "wav2vec2":
        pytest.importorskip("transformers")
    check(SMALL.get(name) or Subject(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*architectures()} - {"wav2vec2"}))  # its own size is a checkpoint's
def test_its_own_size_learns_sixteen_clips_too(name: str, tmp_path: Path):
    it_learns_sixteen_clips_by_heart(Subject(name), tmp_path)


@pytest.mark.parametrize(
    "name", ["acnt", "cnn-1d", "cnn-bilstm-attention", "study-base", "study-ultimate", "two-channel-cnn"]
)
def test_recording_level_does_not_matter(name: str):
    subject = SMALL[name]
    runtime, batch = TorchRuntime(subject.build(), "cpu"), subject.windows(2)
    np.testing.assert_allclose(runtime.logits(batch), runtime.logits(batch / 2), atol=2e-2)


@pytest.mark.parametrize("name", architectures())
def test_an_entry_has_its_frontends_rate(name: str):
    known = entry(name)
    config = getattr(frontends, known.frontend + "Config")()
    assert config.sampling_rate == known.sampling_rate


@pytest.mark.parametrize("name", architectures())
def test_an_entry_knows_the_number_of_parameters(name: str):
    known = entry(name)
    assert known.reads
    if known.n_parameters:
        assert sum(p.numel() for p in build(name, N_LABELS).parameters()) == known.n_parameters


def test_acnt_can_do_without_its_transformer():
    subject = SMALL["acnt"]
    model = build("acnt", N_LABELS, {**subject.parameters, "use_transformer": False})
    assert not [key for key in model.state_dict() if "encoder" in key]
    assert TorchRuntime(model, "cpu").logits(subject.windows(2)).shape == (2, N_LABELS)


def test_a_window_longer_than_the_positions_is_one_clear_error():
    model = build("acnt", N_LABELS, {**SMALL["acnt"].parameters, "pe_max_len": 4})
    with pytest.raises(ModelError, match="has 8 frames, expected at most pe_max_len = 4"):
        TorchRuntime(model, "cpu").logits(SMALL["acnt"].windows(1))


def test_an_unknown_architecture_or_size_is_one_clear_error():
    with pytest.raises(ModelError, match=r"unknown architecture 'nope'; there are: .*two-channel-cnn"):
        build("nope", N_LABELS)
    with pytest.raises(ModelError, match="depth"):
        build("two-channel-cnn", N_LABELS, {"depth": 3})
    with pytest.raises(ModelError, match=r"two-channel-cnn: dropout probability has to be between 0 and 1, but got 2"):
        build("two-channel-cnn", N_LABELS, {"dropout": 2.0})
    with pytest.raises(ModelError, match="width of 32 cannot be shared by 7 heads"):
        build("cnn-bilstm-attention", N_LABELS, {"hidden": 16, "heads": 7})


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        register("two-channel-cnn", Entry("m", "N", "C", "F", "s"))
