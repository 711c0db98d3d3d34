"""Every limit of the conversations, in bytes or seconds, each with its reason."""

MAX_MESSAGE_SIZE = 1 << 30
"""Bytes in one message (a line of text without its end), unless told otherwise.

Structures of half a gigabyte are published in the field; a peer that never ends its line must
still not fill the memory of a laboratory machine.
"""

MAX_HANDSHAKE_LINE_SIZE = 64 << 10
"""Bytes in a line that is sent before anything has been agreed: the banner, a target's name.

A client that has not even said what it wants gets no room for more.
"""

MAX_GREETING_SIZE = 1 << 20
"""Bytes in a server's greeting: the names of its targets and a description written by people."""

MAX_STREAM_LINE_SIZE = 4 << 20
"""Bytes that ``readline()`` returns at most to a server of the user's own (``AsyncioServer``).

As much as such servers could always read; twice as much is buffered for a handler that is slow.
"""

MAX_QUEUED_REQUESTS = 64
"""Requests of one connection that wait on the server before it stops reading from that peer.

Our clients have one on the way; a peer that sends many ahead waits in its own socket buffers.
"""

MAX_OVERLAPPING_CALLS = 1024
"""Requests of one connection that run or wait on the server before it stops reading from that peer.

A program that gathers a thousand calls must not wait; each costs a task, and its arguments.
"""

MAX_UNSENT_ANSWERS = 16
"""Messages that wait to be sent to a peer that does not read fast enough, before no more is done
for it. Small answers overtake a large one; who reads none of them must not fill the memory.
"""

STAGING_SIZE = 64 << 10
"""Bytes that are received at a time, unless they belong to an array."""

MAX_FRAME_SIZE = 1 << 20
"""Bytes of a message that are sent in a row, before others have their turn.

A third of a millisecond on loopback: small calls do not notice the large arrays beside them.
"""

MAX_OPEN_MESSAGES = 64
"""Messages of one connection that have begun to come in and not ended.

As many as calls that may wait; each may announce memory, which is taken as it is filled.
"""

MAX_BACKLOG_SIZE = 64 << 20
"""Bytes of changes that wait for one subscriber before it misses some and starts anew.

A dashboard that redraws for a second must not miss anything; one that hangs must not cost more.
"""

BUSY_PING_AFTER = 5.0
"""Seconds that a ``ping()`` waits behind another call until the server answers it itself.

Supervisors in the field give up on a ping after 30 s.
"""

BANNER_TIMEOUT = 60.0
"""Seconds for the first line of a client.

Ours send it at once; connections that never say a word would use up the descriptors of a server.
"""

TLS_HANDSHAKE_TIMEOUT = 30.0
"""Seconds for a TLS handshake: a slow machine needs less than one, a port scanner never ends."""

LAST_METHOD_TIMEOUT = 2.0
"""Seconds that a stopping server waits for the plain method that runs in its thread.

What follows is usually the end of the driver, which should not come under a method's hands.
"""

FLUSH_TIMEOUT = 2.0
"""Seconds that a stopping server waits for its last answers to leave."""
