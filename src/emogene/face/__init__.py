"""What all stages share: names, landmark layout, the canonical space, motions, face model, rig, pose.

Canonical space
---------------
Every landmark in EmoGene lives in one right-handed space fixed to the head:

- origin: centroid of the 68 points of the embedded mean face;
- x to the *viewer's* right (the person's left), y up, z out of the face towards the viewer;
- unit: decimetre (1 = 10 cm), the unit of the Basel face model that GeneFace++ uses, so that the
  reference system's constants apply unchanged; the mean face's outer eye corners are 0.90 apart.

"x10 scale" in the papers is displacement in centimetres; we store decimetres everywhere.
"""
