"""A controller of a camera whose frames can be reduced where they are taken."""
