"""Stage 3: lip-synced and emotion-aware landmarks become one face (see :mod:`emogene.mixture.mixture`)."""

from emogene.mixture.mixture import Mixture
from emogene.mixture.model import Mixed, MixtureModel

__all__ = ["Mixed", "Mixture", "MixtureModel"]
