"""What EmoTalk's demo does to the network's output: smooth it, and replace its blinks by recorded ones."""

import random

import numpy as np

from emogene.face.arkit import INDEX

SMOOTHING_WINDOW, SMOOTHING_ORDER = 5, 2
BLINK_COLUMNS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
BLINK_FRAMES = 7
FIRST_BLINK, NEXT_BLINK = (0, 60), (60, 180)  # frames, both ends included
# How closed the eye is in the seven frames of four blinks (the demo's figures; 0.191 repeats there too)
BLINKS = np.array(
    [
        [0.36537236, 0.950235724, 0.95593375, 0.916715622, 0.367256105, 0.119113259, 0.025357503],
        [0.234776169, 0.909951985, 0.944758058, 0.777862132, 0.191071674, 0.235437036, 0.089163929],
        [0.870040774, 0.949833691, 0.949418545, 0.695911646, 0.191071674, 0.072576277, 0.007108896],
        [0.000307991, 0.556701422, 0.952656746, 0.942345619, 0.425857186, 0.148335218, 0.017659493],
    ]
)


def postprocess(weights: np.ndarray, seed: int) -> np.ndarray:
    """Blendshapes ``[T, 52]`` at 30 fps, smoothed, with seeded blinks; float64.

    Savitzky-Golay over time (fewer frames than its window are left as they are), then blinks every 2 to 6 s,
    drawn in the demo's order from Python's generator.
    """
    from scipy.signal import savgol_filter  # 40 MB and a third of a second, for the reference alone

    smooth = weights.astype(np.float64)
    if len(smooth) >= SMOOTHING_WINDOW:
        filtered = savgol_filter(smooth, SMOOTHING_WINDOW, SMOOTHING_ORDER, axis=0, mode="interp")
        smooth = np.asarray(filtered, np.float64)
    smooth[:, BLINK_COLUMNS] = 0
    draw = random.Random(seed)
    frame = draw.randint(*FIRST_BLINK)
    while frame < len(smooth) - BLINK_FRAMES:
        blink = BLINKS[draw.randint(1, len(BLINKS)) - 1]
        smooth[frame : frame + BLINK_FRAMES, BLINK_COLUMNS] = blink[:, None]
        frame += draw.randint(*NEXT_BLINK)
    return smooth
