"""Whether a map marks what counts: curves, imputation, baselines, truth. Formulas only."""
