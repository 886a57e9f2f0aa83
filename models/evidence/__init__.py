"""Measures whether the regions that a map marks matter: curves, imputation, baselines, ground
truth. Formulas only.
"""
