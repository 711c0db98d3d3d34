"""The parts of ``sipyco_rpctool``; what it needs from the library, every user can use too."""
