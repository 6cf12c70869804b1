"""The one way from splats to a picture with gradients: the backend follows the device."""

from typing import Literal

import torch
from torch import Tensor

from emogene.motion2video.splats.torch_twin import project_torch, raster_torch
from emogene.motion2video.splats.view import View

Backend = Literal["auto", "torch", "numba", "triton"]


def render(splats: Tensor, view: View, backend: Backend = "auto") -> Tensor:
    """``splats [13, N]`` float32 (see :mod:`.layout`) to ``[4, H, W]``: premultiplied colour, transmittance.

    Differentiable in the splats. "auto": numba on the processor, Triton on CUDA; "torch": plain PyTorch, with
    memory for every splat at every pixel.
    """
    if backend == "auto":
        backend = "triton" if splats.device.type == "cuda" else "numba"
    if backend == "numba":
        return _Numba.apply(splats, view)  # pyright: ignore[reportReturnType]
    footprints = project_torch(splats, view)
    if backend == "torch":
        return raster_torch(footprints, view.camera.width, view.camera.height)
    from emogene.motion2video.splats.gpu import raster_triton

    return raster_triton(footprints, view.camera.width, view.camera.height)


class _Numba(torch.autograd.Function):
    @staticmethod
    def forward(ctx, splats: Tensor, view: View) -> Tensor:
        from emogene.motion2video.splats.rasteriser import Rasteriser, check

        ctx.rasteriser = Rasteriser(view.camera.width, view.camera.height)
        ctx.view, ctx.splats = view, check(splats.detach().numpy())
        return torch.from_numpy(ctx.rasteriser.layers((ctx.splats, view)).copy())

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        result = torch.zeros(ctx.splats.shape)
        gradient = gradients[0].contiguous().numpy()
        ctx.rasteriser.backward(gradient, ctx.splats, ctx.view, result.numpy())
        return result, None
