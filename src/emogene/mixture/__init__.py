"""Stage 3: lip-synced and emotion-aware landmarks become one face (see :mod:`emogene.mixture.mixture`)."""

from typing import TYPE_CHECKING

from emogene.errors import EmoGeneError
from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.mixture.interface import MixtureModel
    from emogene.mixture.mixture import Mixture

__all__ = ["Mixture", "MixtureModel", "check_mixture", "mixture_named"]

NAMES = ("default", "reference", "reference:6", "reference:7", "reference:8", "reference:9")

__getattr__ = lazily(__name__, {"Mixture": "mixture", "MixtureModel": "interface"})


def check_mixture(name: str) -> None:
    """EmoGeneError for what :func:`mixture_named` does not know."""
    if name not in NAMES:
        raise EmoGeneError(
            f"unknown mixture {name!r}; choose default, reference or reference:6 to reference:9"
        )


def mixture_named(name: str) -> "MixtureModel":
    """``default`` is ours; ``reference``, or with a variant ``reference:6`` to ``reference:9``, the reference
    system's, with its own constants. EmoGeneError for any other."""
    check_mixture(name)
    if name == "default":
        from emogene.mixture.mixture import Mixture

        return Mixture()
    from emogene.reference.mixture import ReferenceMixture

    _, colon, variant = name.partition(":")
    return ReferenceMixture(int(variant)) if colon else ReferenceMixture()
