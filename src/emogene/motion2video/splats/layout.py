"""What the numbers of a splat are, and how it looks from a camera: the constants that all backends share.

A splat is a flat Gaussian-like disc in the head frame (decimetres): a position x, two tangent vectors u and v
(its half axes), an opacity and a colour. Its footprint in the picture has the covariance

    S = (J R u)(J R u)' + (J R v)(J R v)' + s I

with J the camera's Jacobian at x, and the weight ``opacity (1 - q / 8)^4`` where q = d' S^-1 d < 8: nearly a
Gaussian, but compact and without an exponential.
"""

ROWS = 13
"""Numbers of a splat, the rows of an array ``[13, N]``."""
POSITION, U, V, OPACITY, COLOUR = slice(0, 3), slice(3, 6), slice(6, 9), 9, slice(10, 13)
DYNAMIC = (0, 1, 2, 9, 10, 11, 12)
"""Rows that change with the condition: position, opacity and colour."""

REACH = 8.0
"""Squared distance, in deviations, at which the weight is zero."""
LOW_PASS = 0.12 / 1160.0**2
"""s over the squared focal length: .12 square pixels where the focal length is 1160 (a picture of 256)."""
MOST_OPAQUE = 0.995
"""Opacity that a splat tends to: MOST_OPAQUE / 2 (1 + z / sqrt(1 + z^2)) of its number z."""
LEAST_OPAQUE = 1 / 256
"""Splats below it are not drawn."""
NEAREST = 1.0
"""Distance to the camera's plane, dm, within which nothing is drawn."""
OPAQUE_ENOUGH = 1 / 256
"""A tile whose pixels all let less than this through is finished."""
