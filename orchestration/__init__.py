"""Wiring: assets, checks, jobs and the command line; the only importer of Dagster and Great Expectations."""
