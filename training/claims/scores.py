"""Three score functions of attention on the same task."""

from models.mechanisms.scores import SCORES
from training.claims.claim import Claim
from training.claims.gates import cost
from training.claims.small import vit

CLAIM = Claim(
    id="scores",
    sentence="Attention learns with dot-product, cosine and additive scores alike; the dot product "
    "is the fastest.",
    source="Vaswani et al. 2017, section 3.2.1; Bahdanau et al. 2015; Graves et al. 2014",
    variants={name: vit(**({} if name == "dot" else {"scores": name})) for name in SCORES},
    measure=cost,
)
