"""What a manual prints, and what has to be repaired in it before it runs."""

from dataclasses import dataclass

__all__ = ["Listing", "Repair"]


@dataclass(frozen=True)
class Repair:
    """One place of a listing that cannot stay as it is printed.

    Attributes:
        what: What is wrong, as the page about the repairs says it.
        printed: What stands there; it occurs once in the listing.
        repaired: What stands there instead.
    """

    what: str
    printed: str
    repaired: str

    def applied_to(self, text: str) -> str:
        """Make this repair."""
        assert text.count(self.printed) == 1, f"{self.printed!r} is not once in:\n{text}"
        return text.replace(self.printed, self.repaired)


@dataclass(frozen=True)
class Listing:
    """A program, a command or an entry, as printed.

    Attributes:
        name: What it is, as the page about the repairs says it.
        printed: The text.
        repairs: All that has to be changed in it.
    """

    name: str
    printed: str
    repairs: tuple[Repair, ...] = ()

    def repaired(self, without: Repair | None = None) -> str:
        """Give the text with all repairs, or with all but one."""
        text = self.printed
        for repair in self.repairs:
            if repair is not without:
                text = repair.applied_to(text)
        return text
