"""Each mechanism step by step, in the numbers of one photo: what the API's `steps` tells.

The steps of attention and of a spatial transformer are their papers'; those of a gate are the calls
that made it, as they ran.
"""

from models.steps.attention import attention_steps
from models.steps.gates import gate_steps
from models.steps.network import steps
from models.steps.sampling import sampling_steps
from models.steps.step import Step

__all__ = ["Step", "attention_steps", "gate_steps", "sampling_steps", "steps"]
