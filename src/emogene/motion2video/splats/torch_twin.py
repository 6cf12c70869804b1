"""Projection and rasterising in plain PyTorch: differentiable, on any device, the oracle of the kernels."""

from typing import NamedTuple

import torch
from torch import Tensor

from emogene.motion2video.splats.layout import COLOUR, LOW_PASS, MOST_OPAQUE, OPACITY, POSITION, REACH, U, V
from emogene.motion2video.splats.view import View


class Footprints(NamedTuple):
    """Splats in a picture, pixels; the first pixel's centre is at (.5, .5)."""

    mean: Tensor  # [2, N]
    conic: Tensor  # [3, N]: a, b, c of q / 8 = a dx^2 + b dx dy + c dy^2
    extent: Tensor  # [2, N]: half width and half height of the box that holds the weight
    opacity: Tensor  # [N]
    colour: Tensor  # [3, N]
    depth: Tensor  # [N]: distance along the camera's axis, dm


def project_torch(splats: Tensor, view: View) -> Footprints:
    """``splats [13, N]`` as ``view`` sees them."""
    focal, (cx, cy) = view.camera.focal, view.camera.centre.tolist()
    rotation = torch.as_tensor(view.rotation).to(splats)
    moved = rotation @ splats[POSITION] + torch.as_tensor(view.translation).to(splats)[:, None]
    depth = -moved[2]
    x, y = moved[0] / depth, moved[1] / depth
    scale = focal / depth

    def flat(tangent: Tensor) -> tuple[Tensor, Tensor]:
        turned = rotation @ tangent
        return scale * (turned[0] + x * turned[2]), -scale * (turned[1] + y * turned[2])

    (ux, uy), (vx, vy) = flat(splats[U]), flat(splats[V])
    low = LOW_PASS * focal**2
    xx, xy, yy = ux * ux + vx * vx + low, ux * uy + vx * vy, uy * uy + vy * vy + low
    # xx yy - xy^2 cancels for long splats; this sum of positive terms does not.
    determinant = (ux * vy - uy * vx) ** 2 + low * (xx + yy - low)
    z = splats[OPACITY]
    return Footprints(
        mean=torch.stack([cx + focal * x, cy - focal * y]),
        conic=torch.stack([yy, -2 * xy, xx]) / (REACH * determinant),
        extent=torch.stack([xx, yy]).mul(REACH).sqrt(),
        opacity=MOST_OPAQUE / 2 * (1 + z / (1 + z * z).sqrt()),
        colour=splats[COLOUR],
        depth=depth,
    )


def raster_torch(footprints: Footprints, width: int, height: int) -> Tensor:
    """Front to back over every pixel: ``[4, height, width]``, premultiplied colour and transmittance.

    Needs memory for every splat at every pixel.
    """
    order = footprints.depth.argsort(stable=True)
    mean, conic, colour = (x[:, order] for x in (footprints.mean, footprints.conic, footprints.colour))
    x = torch.arange(width, device=mean.device) + 0.5 - mean[0, :, None, None]
    y = torch.arange(height, device=mean.device)[:, None] + 0.5 - mean[1, :, None, None]
    a, b, c = conic[..., None, None]
    weight = (1 - a * x * x - b * x * y - c * y * y).clamp_min(0) ** 4
    alpha = footprints.opacity[order, None, None] * weight
    left = torch.cumprod(torch.cat([torch.ones_like(alpha[:1]), 1 - alpha]), 0)
    image = torch.einsum("nhw,cn->chw", alpha * left[:-1], colour)
    return torch.cat([image, left[-1:]])
