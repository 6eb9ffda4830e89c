"""From a model folder and samples to predictions: of a recording as a whole, over time, and live."""
