"""What a check of the doctor found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is wrong and the command that heals it; without a need for a hand it is only worth knowing."""

    what: str
    cure: str
    needs_a_hand: bool = True

    def __str__(self) -> str:
        """Write it as a line."""
        return f"{'WRONG' if self.needs_a_hand else 'note '} {self.what}; {self.cure}"
