"""The map of strip gates."""

from fovea.models.kinds.gate_map import GateMap

MAPS = (
    GateMap(
        "strip-gate",
        title="Strip gate",
        summary="The weight of every row and every column, and their product at every place",
        equation="g_i^h·g_j^w, a factor for row i times one for column j",
        paper="Hou et al. 2021, eq. 8 to 10",
        order=40,
        first=60,
    ),
)
