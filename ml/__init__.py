"""Features in, a judged model out.

Belongs here: the declared models (`models/*.yml`) and what is done to them: validate the declaration, build
the training set in the warehouse, fit, evaluate, gate, register, score, watch for drift. Does not belong
here: web serving, schedules, data quality suites, connection drivers and the reading of environment
variables.
"""
