"""The warehouse on BigQuery: address, jobs, rows, transactions, locks, Arrow in and out.

Belongs here: whatever speaks to BigQuery. Does not belong here: how a statement of Postgres reads there
(`warehouse.client.googlesql`). Google's libraries are imported within functions, so that Postgres needs none.
"""
