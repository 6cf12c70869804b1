"""The fields as they are rendered: no gradients, layers folded together, float32 or bfloat16."""

from typing import NamedTuple

import torch
from torch import Tensor

from emogene.reference.radnerf.encodings import SH_CONSTANT, SH_WIDTH, frequency, spherical_harmonics
from emogene.reference.radnerf.field import HeadField
from emogene.reference.radnerf.torso import OCTAVES, TorsoConfig, TorsoField


def _columns(weight: Tensor, *widths: int) -> list[Tensor]:
    return [part.T.contiguous() for part in weight.split(list(widths), dim=1)]


def _relu_(x: Tensor) -> Tensor:
    """In place. A bfloat16 is negative where its bits are as an integer, which is five times as fast."""
    if x.dtype == torch.bfloat16:
        x.view(torch.int16).clamp_(min=0)
        return x
    return x.relu_()


class HeadFrame(NamedTuple):
    """What is the same for all points of a frame, in the first layers: a row each."""

    ambient: Tensor
    """float32"""
    colour: Tensor
    """in the head's dtype"""


class FrozenHead:
    """A head field for rendering.

    What is constant over a frame enters as a bias; the last layer of the density network and the first of the
    colour network, between which nothing bends, are one matrix. The ambient network stays float32: its output
    are coordinates.
    """

    def __init__(self, field: HeadField, dtype: torch.dtype = torch.float32) -> None:
        c = field.config
        self.field, self.dtype = field, dtype
        positions, ambients = c.position_grid.width, c.ambient_grid.width
        first, *middle, last = (w.detach() for w in field.sigma_net.weights())
        self.sigma_position, self.sigma_ambient = (m.to(dtype) for m in _columns(first, positions, ambients))
        self.sigma_middle = [w.T.contiguous().to(dtype) for w in middle]
        colour_first, *colour_rest = (w.detach() for w in field.color_net.weights())
        view, geometry, self.individual = _columns(
            colour_first, SH_WIDTH, c.geometry_width, c.individual_width
        )
        # The first spherical harmonic is a constant.
        self.view_constant, self.view = view[:1] * SH_CONSTANT, view[1:].to(dtype)
        self.sigma_last = last[:1].T.contiguous().to(dtype)
        self.colour_first = (last[1:].T @ geometry).to(dtype)
        self.colour_rest = [w.T.contiguous().to(dtype) for w in colour_rest]
        first, *rest = (w.detach() for w in field.ambient_net.weights())
        self.ambient_position, self.ambient_condition = _columns(first, positions, c.condition_width)
        self.ambient_rest = [w.T.contiguous() for w in rest]

    def frame(self, condition: Tensor) -> HeadFrame:
        """Biases of a frame of ``condition [1, width]``, with the individual code of frame 0."""
        ambient = condition.detach().float() @ self.ambient_condition
        colour = self.view_constant + self.field.individual().detach() @ self.individual
        return HeadFrame(ambient, colour.to(self.dtype))

    def view_codes(self, direction: Tensor) -> Tensor:
        """``[R, 3] -> [R, SH_WIDTH - 1]``, per ray: what varies with the direction."""
        return spherical_harmonics(direction)[:, 1:].to(self.dtype)

    @torch.no_grad()
    def __call__(self, position: Tensor, view: Tensor, frame: HeadFrame) -> tuple[Tensor, Tensor]:
        """``position [M, 3]`` and its ray's view code -> density ``[M]`` and colour ``[M, 3]``, float32."""
        features = self.field.position_embedder(position)
        a = torch.addmm(frame.ambient, features, self.ambient_position)
        for weight in self.ambient_rest:
            a = _relu_(a) @ weight
        x = features.to(self.dtype) @ self.sigma_position
        x.addmm_(self.field.ambient_embedder(a.tanh_()).to(self.dtype), self.sigma_ambient)
        for weight in self.sigma_middle:
            x = _relu_(x) @ weight
        _relu_(x)
        sigma = (x @ self.sigma_last).float().exp_()
        colour = torch.addmm(frame.colour, x, self.colour_first)
        colour.addmm_(view, self.view)
        for weight in self.colour_rest:
            colour = _relu_(colour) @ weight
        return sigma[:, 0], colour.float().sigmoid_()


class FrozenTorso:
    """A torso field for rendering at one image size: its visible pixels, their constant products kept."""

    def __init__(self, field: TorsoField, pixels: Tensor, dtype: torch.dtype = torch.float32) -> None:
        """``pixels [P, 2]``: row and column of every pixel in -1..1."""
        c = field.config
        self.field, self.config, self.dtype = field, c, dtype
        self.visible = torch.nonzero(field.mask(pixels))[:, 0]
        self.x = pixels[self.visible] * c.shrink
        coordinates = frequency(self.x, OCTAVES).to(dtype)
        first, *rest = (w.detach().to(dtype) for w in field.torso_deform_net.weights())
        self.deform = _FirstLayer(first, coordinates, c)
        self.deform_rest = [w.T.contiguous() for w in rest]
        first, *rest = (w.detach().to(dtype) for w in field.torso_canonicial_net.weights())
        features, first = first.split([c.grid.width, first.shape[1] - c.grid.width], dim=1)
        self.features = features.T.contiguous()
        self.canonical = _FirstLayer(first, coordinates, c)
        self.canonical_rest = [w.T.contiguous() for w in rest]

    @torch.no_grad()
    def __call__(self, condition: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
        """Opacity ``[V, 1]`` and colour ``[V, 3]`` of the visible pixels, float32.

        ``condition``: pose ``[1, 6]`` or landmarks ``[1, 136]``; ``head [P, 4]``: colour (times opacity) and
        opacity of the head at every pixel.
        """
        shared = torch.cat(self.field.frame_inputs(condition, self.field.code()), -1).to(self.dtype)
        seen = None
        if self.config.head_aware:
            seen = self.field.head_color_weights_encoder(head[self.visible]).to(self.dtype)
        shift = self.deform(shared, seen)
        for weight in self.deform_rest:
            shift = _relu_(shift) @ weight
        place = (self.x + shift.float()).clamp_(-1, 1)
        x = self.canonical(shared, seen)
        x.addmm_(self.field.torso_embedder(place).to(self.dtype), self.features)
        for weight in self.canonical_rest:
            x = _relu_(x) @ weight
        out = x.float().sigmoid_()
        return out[:, :1], out[:, 1:]


class _FirstLayer:
    """A first layer of the torso, whose inputs are the pixels' ``coordinates [V, C]``, which never change,
    what a frame shares, and what is seen of the head."""

    def __init__(self, weight: Tensor, coordinates: Tensor, config: TorsoConfig) -> None:
        shared = config.condition_width + config.individual_width
        here, self.shared, self.seen = _columns(
            weight, coordinates.shape[1], shared, 16 if config.head_aware else 0
        )
        self.constant = coordinates @ here

    def __call__(self, shared: Tensor, seen: Tensor | None) -> Tensor:
        """``shared [1, S]`` and ``seen [V, 16]`` -> ``[V, hidden]``."""
        x = self.constant + shared @ self.shared
        return x if seen is None else x.addmm_(seen, self.seen)
