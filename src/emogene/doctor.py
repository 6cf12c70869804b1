"""What is installed here, what it runs on, which weights it uses, what is missing and how to get it."""

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from emogene import __version__
from emogene.errors import EmoGeneError
from emogene.weights import OFFICIAL, data_folder, embedded
from emogene.weights.avatars import avatar_files
from emogene.weights.embedded import assets
from emogene.weights.places import moving_hint

EXTRAS = {
    "official": "the official EmoTalk and GeneFace++ checkpoints",
    "avatar": "new avatars from video, and evaluate render",
}


def report() -> str:
    """A few dozen lines of plain text."""
    sections = {
        "EmoGene": _system(),
        "Core packages": _packages(None),
        **{f"Extra '{name}': {use}": _packages(name) for name, use in EXTRAS.items()},
        "Embedded weights": _weights(),
        "Your own avatars and official checkpoints (optional)": _own(),
    }
    return "\n\n".join(
        "\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections.items()
    )


def _system() -> Iterator[str]:
    import torch

    from emogene.device import cores

    system = f"{platform.system()} {platform.machine()}"
    yield f"version   {__version__}, Python {platform.python_version()}, {system}"
    yield f"threads   {cores()} by default, of {os.cpu_count()} cores ({_why_so_many()})"
    yield f"processor {torch.backends.cpu.get_cpu_capability()}; bfloat16 {_bfloat16()}"
    yield f"products  {_products()}"
    yield f"kernels   {_kernels()}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield f"device    cuda: {torch.cuda.get_device_name(0)}, {memory:.0f} GiB"
    else:
        why = "no CUDA device found" if torch.version.cuda else "this PyTorch is the CPU build"
        yield f"device    cpu ({why})"


def _why_so_many() -> str:
    from emogene.device import cores

    if cores() == os.cpu_count():
        return "all of them"
    return "this process's affinity, or its container's quota"


def _bfloat16() -> str:
    import torch

    from emogene.packed import packs

    if not packs(torch.bfloat16):
        return "not by this processor and oneDNN: float32 is computed"
    if torch.cpu._is_amx_tile_supported():
        return "in hardware (AMX)"
    if torch.cpu._is_avx512_bf16_supported():
        return "in hardware (AVX-512)"
    return "emulated: slower than float32"


def _products() -> str:
    """By what matrices are multiplied."""
    import torch

    from emogene.packed import packable

    if packable("cpu"):
        return "by oneDNN, weights in its own layout"
    state = "refuses" if torch.backends.mkldnn.is_available() else "is missing"
    return f"by PyTorch's default; oneDNN {state}"


def _kernels() -> str:
    from emogene.kernel import kernel_cache

    place = kernel_cache()
    if place is None:
        return "compiled by each process anew: no folder to keep them can be written; set NUMBA_CACHE_DIR"
    return f"kept in {place}"


def _packages(extra: str | None) -> Iterator[str]:
    """The requirements of ``extra`` (the core's for None), each with what is installed."""
    missing = False
    for requirement in requires("emogene") or ():
        wanted, _, condition = requirement.partition(";")
        if _extra(condition) != extra:
            continue
        name = re.split(r"[<>=!~ \[]", wanted, maxsplit=1)[0]
        try:
            yield f"{name:<20} {version(name)}"
        except PackageNotFoundError:
            missing = True
            yield f"{name:<20} missing (wants {wanted.strip()})"
    if missing:
        yield f"get it with: pip install '.{f'[{extra}]' if extra else ''}' in a copy of the project"


def _extra(condition: str) -> str | None:
    found = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", condition)
    return found.group(1) if found else None


def _weights() -> Iterator[str]:
    for weights in embedded():
        size = f"{weights.size / 1000:,.0f} kB"
        yield f"{weights.path.name:<28} {size:>9}  sha256 {weights.sha256[:12]}  {weights.licence}"


def _own() -> Iterator[str]:
    """The user's files: where they belong, what is there, and what is where it may be lost."""
    try:
        yield f"looked for in {data_folder()}"
    except EmoGeneError as error:
        yield str(error)
        return
    for weights in OFFICIAL:
        state = "found" if weights.found else f"missing; from {weights.source} to {weights.path}"
        yield f"{weights.name:<28} {weights.licence:<14} {state}"
    own = [path for path in avatar_files().values() if not path.is_relative_to(assets())]
    for path in own:
        yield f"{'avatar':<28} {path}"
    found = [*own, *(weights.path for weights in OFFICIAL if weights.found)]
    yield from filter(None, map(moving_hint, found))
