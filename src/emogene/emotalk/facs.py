"""The facial action units that emotional speech is learnt from.

The voice data come with the mean action units (AUs) of the same take's video: Ekman, Friesen & Hager, FACS
(2002), as measured by OpenFace (Baltrušaitis, Robinson & Morency, "OpenFace: an open source facial behavior
analysis toolkit", WACV 2016).
"""

ACTION_UNITS: tuple[str, ...] = (
    *("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12"),
    *("AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26", "AU45"),
)
"""Those of OpenFace, in its order."""
