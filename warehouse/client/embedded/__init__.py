"""The embedded PostgreSQL: started when first needed, shared by every process of one home, stopped after the
last.

Belongs here: where the server's files are, the account it runs as, its start, keeper and stop. Does not
belong: queries, or anything about a server that someone else runs.
"""
