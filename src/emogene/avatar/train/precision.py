"""In which precision networks are trained."""

import torch

from emogene.motion2video.frozen import best_dtype


def mixed_precision() -> torch.autocast:
    """Matrix products in bfloat16 inside, on a CPU that is the faster for it."""
    faster = best_dtype(torch.device("cpu")) == torch.bfloat16
    return torch.autocast("cpu", torch.bfloat16, enabled=faster)
