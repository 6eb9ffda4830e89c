"""A model on labelled utterances: metrics, and reports as text, JSON, HTML and plots."""
