"""A controller whose device is the console that it was started from."""
