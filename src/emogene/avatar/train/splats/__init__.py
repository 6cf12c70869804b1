"""Training of splats: where they begin, the optimiser, the head and the torso."""
