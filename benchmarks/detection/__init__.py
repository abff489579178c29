"""How well the detection detects: corpora, baselines, scorers, and one command that runs them all."""
