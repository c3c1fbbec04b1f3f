"""The commands of `starhouse`, one module a subject.

Belongs here: arguments, and what a command prints. Does not belong: the work itself, imported inside each
function.
"""
