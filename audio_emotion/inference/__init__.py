"""From a model folder and samples to predictions: of a recording as a whole, over time, and live.

``loading`` makes a ``model.Model``; ``batching`` puts the windows of several recordings through it; ``prediction``
turns logits into scores. ``timeline`` and ``segmenter`` predict over time, ``smoothing`` follows them, ``turns``
predicts the segments of a transcript, ``speakers`` finds out who speaks when, ``live`` reads microphones, and
``backends`` are ONNX Runtime and torch.
"""
