"""Stage 3: lip-synced and emotion-aware landmarks become one face (see :mod:`emogene.mixture.mixture`)."""

from emogene.mixture.mixture import Mixture

__all__ = ["Mixture"]
