"""The controller manager: starts the controllers of this machine, and looks after them.

``ndsp ctlmgr`` runs it. What is to be done next is decided by ``_supervisor``, which is pure;
everything else here finds out facts and carries decisions out.
"""
