"""What capture finds in other people's networks, beside an independent count of what it should.

`python -m benchmarks.coverage` builds the smallest network of every family of timm, torchvision and
transformers with random weights, runs each alone and under `capture`, and writes docs/coverage.md.
"""
