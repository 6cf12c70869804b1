"""What of a sound file could not be used, in one line."""

from dataclasses import dataclass


@dataclass
class Damage:
    packets: int = 0
    size: int = 0
    """Bytes of those packets."""
    since: float = 0.0
    """Seconds of sound before the first of them."""
    holes: float = 0.0
    """Seconds of silence for what the container leaves out."""
    first_hole: float = 0.0
    cut: str = ""
    """How the file's end is known to be missing."""

    def add(self, size: int, since: float) -> None:
        """A packet that cannot be decoded."""
        if not self.packets:
            self.since = since
        self.packets, self.size = self.packets + 1, self.size + size

    def add_hole(self, since: float, seconds: float) -> None:
        if not self.holes:
            self.first_hole = since
        self.holes += seconds

    def __str__(self) -> str:
        """Empty where nothing was lost."""
        lost = [self.cut] if self.cut else []
        if self.packets:
            many = "s" if self.packets > 1 else ""
            lost.append(
                f"{self.packets} packet{many} ({self.size} bytes) after {self.since:.2f} s cannot be decoded"
            )
        if self.holes:
            lost.append(f"{self.holes:.2f} s are missing, first after {self.first_hole:.2f} s, and silent")
        return f"{'; '.join(lost)}; the rest is used" if lost else ""
