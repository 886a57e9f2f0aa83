"""Weights cut into several files with an index, as the hub has large ones."""

import json
from collections.abc import Mapping
from itertools import cycle

from safetensors.torch import save
from torch import Tensor

INDEX = "model.safetensors.index.json"


def cut(tensors: Mapping[str, Tensor], count: int) -> dict[str, bytes]:
    """The files of a set by their names: `count` with tensors, dealt out in turn, and the index."""
    names = [f"model-{place + 1:05}-of-{count:05}.safetensors" for place in range(count)]
    home = dict(zip(sorted(tensors), cycle(names), strict=False))
    files = {
        name: save({key: tensors[key].contiguous() for key in home if home[key] == name})
        for name in names
    }
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": home}
    return {**files, INDEX: json.dumps(index).encode()}
