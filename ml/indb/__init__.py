"""Training inside the warehouse: SQL aggregates go out, a fitted model comes back, rows stay where they are.

Belongs here: what is measured by SQL, the fits computed from it, and their documents. Does not belong here:
fitting by a library on exported rows (`ml.algorithms`), or scoring (`ml.document`).
"""
