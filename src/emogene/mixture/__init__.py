"""Stage 3: lip-synced and emotion-aware landmarks become one face (see :mod:`emogene.mixture.mixture`)."""

from emogene.errors import EmoGeneError
from emogene.mixture.mixture import Mixture
from emogene.mixture.model import Mixed, MixtureModel

__all__ = ["Mixed", "Mixture", "MixtureModel", "mixture_named"]

VARIANTS = ("6", "7", "8", "9")


def mixture_named(name: str) -> MixtureModel:
    """``default`` is ours; ``reference``, or with a variant ``reference:6`` to ``reference:9``, the reference
    system's, with its own constants. EmoGeneError for any other."""
    if name == "default":
        return Mixture()
    mode, colon, variant = name.partition(":")
    if mode != "reference" or (colon and variant not in VARIANTS):
        raise EmoGeneError(
            f"unknown mixture {name!r}; choose default, reference or reference:6 to reference:9"
        )
    from emogene.reference.mixture import ReferenceMixture

    return ReferenceMixture(int(variant)) if colon else ReferenceMixture()
