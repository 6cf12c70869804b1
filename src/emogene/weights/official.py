"""The official checkpoints: which files they are, whose licence they carry, and where we look for them.

None is downloaded for the user: their licences want to be read first.
"""

from dataclasses import dataclass
from pathlib import Path

from emogene.weights.places import located, searched


@dataclass(frozen=True)
class Official:
    """One released file or folder, looked for as ``file`` where the user's own files are."""

    name: str
    file: str
    licence: str
    source: str

    @property
    def path(self) -> Path:
        """Where it is, or belongs."""
        return located(self.file)

    @property
    def found(self) -> bool:
        return any(path.exists() for path in searched(self.file))


OFFICIAL = (
    Official("EmoTalk", "EmoTalk.pth", "CC BY-NC 4.0", "github.com/psyai-net/EmoTalk_release"),
    Official("GeneFace++ audio to motion", "audio2motion_vae", "MIT", "github.com/yerfor/GeneFacePlusPlus"),
    Official(
        "HuBERT-large", "hubert-large-ls960-ft", "Apache-2.0", "huggingface.co/facebook/hubert-large-ls960-ft"
    ),
    Official(
        "GeneFace++ May, torso", "motion2video_nerf/may_torso", "MIT", "github.com/yerfor/GeneFacePlusPlus"
    ),
    Official("Basel face model", "BFM_model_front.mat", "research only", "faces.dmi.unibas.ch/bfm"),
)
