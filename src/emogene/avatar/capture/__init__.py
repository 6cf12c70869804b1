"""A video of a person to a training set: frames, matte, tracks, head and torso layers."""
