"""What capture finds in other people's networks, compared with an independent count.

`python -m benchmarks.coverage` builds the smallest network of every family of timm, torchvision and
transformers with random weights, runs each alone and under `capture`, and writes docs/coverage.md.
"""
