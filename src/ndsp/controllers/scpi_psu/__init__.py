"""A controller of a power supply with two outputs, which speaks SCPI and is driven with PyVISA."""
