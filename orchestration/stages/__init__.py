"""The stages of the main job as Dagster assets: one module a stage, in the order the data moves.

ingest → transform → check → train → score → monitor → package. A stage calls the code that does the work,
in `warehouse` and `ml`, and says what came of it: rows, pictures, checks. Does not belong here: that work
itself.
"""
