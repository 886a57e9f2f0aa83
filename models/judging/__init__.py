"""Evaluates maps against evidence and measures the effect of each part; results come with a
sentence.
"""
