"""Colours of rooms and things: linear light, drawn at random as paints and fabrics are."""

from __future__ import annotations

import colorsys

import numpy as np

from training.examples.rooms.raster import Colour

WHITE: Colour = (0.8, 0.8, 0.78)


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """A screen colour as linear light."""
    r, g, b = (channel**2.2 for channel in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return r, g, b


def paint(rng: np.random.Generator) -> Colour:
    """A wall paint: mostly pale, sometimes strong, sometimes dark."""
    kind = rng.random()
    hue = rng.choice([rng.random(), rng.normal(0.11, 0.03), rng.normal(0.58, 0.06)])
    if kind < 0.6:
        return from_hsv(hue, rng.uniform(0, 0.22), rng.uniform(0.72, 0.97))
    if kind < 0.85:
        return from_hsv(hue, rng.uniform(0.2, 0.65), rng.uniform(0.45, 0.85))
    return from_hsv(hue, rng.uniform(0, 0.5), rng.uniform(0.18, 0.4))


def fabric(rng: np.random.Generator) -> Colour:
    """A cloth: any hue, from grey to strong."""
    return from_hsv(rng.random(), rng.uniform(0, 0.75), rng.uniform(0.2, 0.9))


def timber(rng: np.random.Generator) -> Colour:
    """A wood, from birch to wenge."""
    return from_hsv(rng.normal(0.075, 0.012), rng.uniform(0.25, 0.65), rng.uniform(0.22, 0.85))


def darker(colour: Colour, share: float) -> Colour:
    """The colour with this share of its light."""
    r, g, b = (channel * share for channel in colour)
    return r, g, b


def near(colour: Colour, rng: np.random.Generator, spread: float = 0.12) -> Colour:
    """A colour that is hard to tell from this one."""
    lighter = 1 + rng.uniform(-spread, spread)
    r, g, b = (float(np.clip(c * lighter * (1 + rng.normal(0, spread / 4)), 0.01, 0.95))
               for c in colour)  # fmt: skip
    return r, g, b
