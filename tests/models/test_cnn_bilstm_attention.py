import torch

from tests.models.contract import SMALL


def test_padding_changes_no_answer():
    subject = SMALL["cnn-bilstm-attention"]
    network = subject.build().eval()
    with torch.no_grad():
        features = network.features(torch.from_numpy(subject.windows(2)))
        longer = torch.nn.functional.pad(features, (0, 301))
        torch.testing.assert_close(network.network(longer), network.network(features), atol=1e-6, rtol=0)


def test_frames_that_augmentation_masks_do_not_end_a_clip():
    subject = SMALL["cnn-bilstm-attention"]
    network = subject.build().eval()
    with torch.no_grad():
        features = network.features(torch.from_numpy(subject.windows(1)))
        masked = features.clone()
        masked[..., 10:20] = 0
        changed = masked.clone()
        changed[..., 30] += 1
        assert not torch.equal(network.network(masked), network.network(changed))


def test_the_lstm_reads_both_ways():
    subject = SMALL["cnn-bilstm-attention"]
    network = subject.build().eval().network
    steps = torch.randn(1, 12, 16)
    turn = torch.tensor([[*range(7, -1, -1), *range(8, 12)]])
    changed = steps.clone()
    changed[:, 4] += 1
    padded = steps.clone()
    padded[:, 8:] += 1
    with torch.no_grad():
        original, changed, padded = (network.lstm[0](x, turn)[0, :8] for x in (steps, changed, padded))
    assert ((changed - original).abs().sum(dim=1) > 0).all()
    assert torch.equal(padded, original)
