"""Rigged Gaussians: splats that are linear in a condition, projected and rasterised, with gradients."""

from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.render import render
from emogene.motion2video.splats.view import View

__all__ = ["Gaussians", "Group", "View", "render"]
