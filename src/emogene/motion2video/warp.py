"""An explicit warp: carries landmark motion that the field never saw, by bending sample points back."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LATTICE = (24, 24, 12)
WIDTH = 0.22
RIDGE = 0.15


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

    def to(self, device: torch.device) -> "Warp":
        return Warp(self.lattice.to(device), self.low.to(device), self.scale.to(device))

    @cached_property
    def reach(self) -> float:
        """The largest displacement along an axis."""
        return self.lattice.abs().max().item()

    def __call__(self, position: Tensor) -> Tensor:
        """``[N, 3] -> [N, 3]``, plain PyTorch, trilinear."""
        place = (position - self.low) * self.scale
        top = torch.tensor(self.lattice.shape[:3], device=place.device) - 1
        inside = ((place >= 0) & (place < top)).all(-1, keepdim=True)
        cell = torch.where(inside, place, 0).long()
        part = place - cell
        moved = torch.zeros_like(position)
        for corner in range(8):
            bit = torch.tensor([corner >> axis & 1 for axis in range(3)], device=place.device)
            weight = torch.where(bit.bool(), part, 1 - part).prod(-1, keepdim=True)
            x, y, z = torch.minimum(cell + bit, top).unbind(-1)
            moved = moved + weight * self.lattice[x, y, z]
        return position + torch.where(inside, moved, 0)

    @staticmethod
    def nowhere() -> "Warp":
        """A lattice too small for any point to lie in, for a kernel that wants one."""
        return Warp(torch.zeros(1, 1, 1, 3), torch.zeros(3), torch.zeros(3))

    @staticmethod
    def fit(
        landmarks: Tensor,
        displacement: Tensor,
        centre: tuple[float, ...] = (0.0, 0.0, 0.0),
        radius: float = 1.0,
        width: float = WIDTH,
        ridge: float = RIDGE,
    ) -> "Warp":
        """The warp that moves the ``landmarks [68, 3]`` by ``displacement [68, 3]``, canonical space, dm.

        Gaussian radial basis functions of ``width`` dm around the moved landmarks, by ridge regression, on a
        lattice that ends three widths away. The field's frame is ``(p - centre) / radius`` of a point p.
        """
        moved = landmarks + displacement
        kernel = _gaussian(torch.cdist(moved, moved), width) + ridge * torch.eye(len(moved))
        weights = torch.linalg.solve(kernel, -displacement)  # [68, 3]
        low, high = moved.amin(0) - 3 * width, moved.amax(0) + 3 * width
        # A Gaussian is a product over the axes, so the lattice is one matrix product.
        x, y, z = (
            _gaussian(torch.lerp(first, last, torch.linspace(0, 1, count)) - centres[:, None], width)
            for first, last, count, centres in zip(low, high, LATTICE, moved.T, strict=True)
        )
        across = (x[:, :, None] * y[:, None]).flatten(1)  # [68, X * Y]
        along = (z[:, :, None] * weights[:, None]).flatten(1)  # [68, Z * 3]
        lattice = (across.T @ along).reshape(*LATTICE, 3) / radius
        scale = (torch.tensor(LATTICE) - 1) / (high - low) * radius
        return Warp(lattice.contiguous(), (low - torch.tensor(centre)) / radius, scale)


def _gaussian(distance: Tensor, width: float) -> Tensor:
    return torch.exp(-(distance**2) / (2 * width**2))
