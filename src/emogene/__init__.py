"""EmoGene: speech in, an emotional talking head out."""

__version__ = "0.1.0"
