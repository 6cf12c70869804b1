"""``emogene avatar import`` and ``emogene avatar show``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg, subcommand


@dataclass(frozen=True)
class ImportAvatar:
    """Make an avatar of official GeneFace++ checkpoints, for `generate --avatar NAME`.

    The file holds parts of the Basel face model and may not be passed on. See docs/official.md.
    """

    name: Annotated[str, arg(metavar="NAME")]
    """What to call it."""
    dataset: Annotated[str, arg(metavar="trainval_dataset.npy")]
    """The person's binarised video."""
    bfm: Annotated[str, arg(metavar="DIR")]
    """The folder of BFM_model_front.mat and index_mp468_from_mesh35709.npy."""
    torso: Annotated[str | None, arg(metavar="DIR")] = None
    """The torso's checkpoint, with or without super-resolution; it carries its head."""
    head: Annotated[str | None, arg(metavar="DIR")] = None
    """The head's checkpoint, which serves where there is no torso."""
    consent: Annotated[str, arg(metavar="TEXT")] = "not stated"
    """How the person agreed to being shown."""
    source: Annotated[str, arg(metavar="TEXT")] = "not stated"
    """Where the checkpoints come from."""
    output: Annotated[str | None, arg(name="output", aliases=["-o"], metavar="FILE.safetensors")] = None
    """Where to write; among your own avatars by default."""

    def run(self) -> None:
        from emogene.cli.streams import note, say
        from emogene.output import check_outputs
        from emogene.weights.avatars import new_avatar_file

        usual = new_avatar_file(self.name)
        output = Path(self.output or usual)
        if not self.output:
            output.parent.mkdir(parents=True, exist_ok=True)
        given = [Path(path) if path else None for path in (self.head, self.torso)]
        check_outputs([output], [self.dataset, *(path for path in given if path)])
        from emogene.reference.importer import import_official

        avatar = import_official(
            self.name,
            Path(self.dataset),
            Path(self.bfm),
            *given,
            consent=self.consent,
            source=self.source,
        )
        avatar.save(output)
        if avatar.training["assumed"]:
            values = ", ".join(f"{name}: {value}" for name, value in avatar.training["assumed"].items())
            note(f"no config.yaml says otherwise, so assumed as in the released models: {values}")
        say(output)


@dataclass(frozen=True)
class ShowAvatar:
    """Say whose face an avatar is, on what terms, and how it was made."""

    avatar: Annotated[Positional[str], arg(metavar="NAME|FILE")]
    """A name that `emogene avatars` lists, or an avatar file."""

    def run(self) -> None:
        from dataclasses import asdict

        from emogene.avatar import Avatar
        from emogene.cli.streams import show

        person = Avatar.open(self.avatar)
        for name, value in asdict(person.provenance).items():
            show(f"{name:<12} {value}")
        show(f"{'landmarks':<12} {len(person.space.database)} frames")
        show(f"{'poses':<12} {len(person.pose)} frames")
        for name, checksum in person.training.get("imported", {}).items():
            show(f"{'imported':<12} {checksum}  {name}")


@dataclass(frozen=True)
class OneAvatar:
    """Import an avatar, or show what one is."""

    verb: OmitArgPrefixes[
        Annotated[ImportAvatar, subcommand("import", prefix_name=False)]
        | Annotated[ShowAvatar, subcommand("show", prefix_name=False)]
    ]

    def run(self) -> None:
        self.verb.run()
