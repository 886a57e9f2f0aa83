"""Attention mechanisms: one mechanism, one paper, one small file; torch only."""
