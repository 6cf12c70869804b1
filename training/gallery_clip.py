"""Make the gallery's surprised voice: synthetic speech, raised in pitch.

    python training/gallery_clip.py package/voices/af_jessica.bin     # see demo_clip.py for the synthesiser

"How is that possible?!" by Kokoro-82M (Apache-2.0, hexgrad), spoken slowly and played a fifth faster: its
voices do not act, and surprise lies in the pitch. Writes ``docs/gallery/surprised.ogg``.
"""

import argparse
from pathlib import Path

import numpy as np

from demo_clip import Synthesiser, silence, write

OUT = Path(__file__).parents[1] / "docs/gallery/surprised.ogg"
PHONEMES, PACE, FASTER = "hˌW ɪz ðˈat pˈɒsəbᵊl?!", 0.92, 1.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("voice", type=Path, help="a Kokoro voice: float32 [510, 1, 256]")
    said = Synthesiser(parser.parse_args().voice)(PHONEMES, PACE)
    raised = np.interp(np.arange(0, len(said) - 1, FASTER), np.arange(len(said)), said).astype(np.float32)
    write(np.concatenate([silence(0.15), raised, silence(0.3)]), OUT)


if __name__ == "__main__":
    main()
