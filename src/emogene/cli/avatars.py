"""``emogene avatars``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Avatars:
    """List the avatars that --avatar knows by name."""

    def run(self) -> None:
        from emogene.avatar import Avatar
        from emogene.cli.streams import note, show
        from emogene.weights.avatars import avatar_files
        from emogene.weights.places import moving_hint

        files = avatar_files()
        for name, path in files.items():
            provenance = Avatar.open(path).provenance
            show(f"{name:<16} {provenance.licence:<12} {provenance.consent}")
        for hint in filter(None, map(moving_hint, files.values())):
            note(hint)
