"""An explicit warp: carries landmark motion that the field never saw, by bending sample points back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CELLS = (24, 24, 12)


@dataclass(frozen=True)
class Warp:
    """A displacement on a lattice, from deformed space back to canonical space, in the field's frame.

    A sample at p is looked up at p + displacement(p); outside the lattice at p itself.
    """

    lattice: Tensor
    """``[X, Y, Z, 3]`` float32 displacement."""
    low: Tensor
    """``[3]`` first lattice point."""
    scale: Tensor
    """``[3]`` lattice cells per unit."""

    def __call__(self, position: Tensor) -> Tensor:
        """``[N, 3] -> [N, 3]``, plain PyTorch, trilinear."""
        place = (position - self.low) * self.scale
        top = torch.tensor(self.lattice.shape[:3], device=place.device) - 1
        inside = ((place >= 0) & (place < top)).all(-1, keepdim=True)
        cell = torch.where(inside, place, 0).long()
        part = place - cell
        moved = torch.zeros_like(position)
        for corner in range(8):
            bit = torch.tensor([corner >> a & 1 for a in range(3)], device=place.device)
            weight = torch.where(bit.bool(), part, 1 - part).prod(-1, keepdim=True)
            x, y, z = torch.minimum(cell + bit, top).unbind(-1)
            moved = moved + weight * self.lattice[x, y, z]
        return position + torch.where(inside, moved, 0)

    @staticmethod
    def arrays(warp: "Warp | None") -> tuple[bool, np.ndarray, np.ndarray, np.ndarray]:
        """What the march kernel takes, with or without a warp."""
        if warp is None:
            return False, np.zeros((1, 1, 1, 3), np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
        return True, warp.lattice.numpy(), warp.low.numpy(), warp.scale.numpy()
