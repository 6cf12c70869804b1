"""``emogene doctor``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, which device and weights are used, what is missing and how to get it."""

    def run(self) -> None:
        from emogene.cli.streams import show
        from emogene.doctor import report

        show(report())
