"""Where weights come from: those in the package, and the official checkpoints that a user may bring."""

from emogene.weights.embedded import Weights, embedded
from emogene.weights.official import OFFICIAL, Official
from emogene.weights.places import data_folder

__all__ = ["OFFICIAL", "Official", "Weights", "data_folder", "embedded"]
