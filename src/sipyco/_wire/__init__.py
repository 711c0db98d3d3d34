"""What the bytes mean: sessions take bytes and give events, take intents and give bytes.

Nothing here touches a socket, a clock, a thread, a log or a file; ``_io`` moves the bytes.
"""
