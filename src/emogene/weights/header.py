"""What a safetensors file says about itself, read without its tensors (and without PyTorch)."""

import errno
import json
from pathlib import Path

from emogene.errors import EmoGeneError

LIMIT = 16_000_000  # bytes; a longer header is damage


def metadata(path: Path, what: str = "a safetensors file") -> dict[str, str]:
    """The strings in the header. Raises EmoGeneError, one line, where ``path`` is not ``what``."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= LIMIT else b""
        return json.loads(header).get("__metadata__", {})
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, AttributeError):
        raise EmoGeneError(f"{path}: not {what}, or damaged; get it again") from None


def unreadable(path: Path, error: OSError) -> EmoGeneError | MemoryError:
    """What the system's refusal to read ``path`` is told as."""
    if error.errno == errno.ENOMEM:
        return MemoryError(f"to read {path}")
    reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({_reason(error)})"
    return EmoGeneError(f"{path}: {reason}")


def _reason(error: OSError) -> str:
    return error.strerror or str(error).partition("\n")[0]
