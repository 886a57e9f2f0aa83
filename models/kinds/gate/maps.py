"""The maps of channel gates and spatial gates."""

from fovea.models.kinds.gate_map import GateMap

MAPS = (
    GateMap(
        "channel-gate",
        title="Channel gate",
        summary="The weight of every channel",
        equation="s_c, the factor on channel c",
        paper="Hu et al. 2018, eq. 3",
        order=20,
        first=70,
        on_photo=False,
    ),
    GateMap(
        "spatial-gate",
        title="Spatial gate",
        summary="The weight of every place",
        equation="M_ij, the factor on row i, column j",
        paper="Woo et al. 2018, eq. 5",
        order=30,
        first=50,
    ),
)
