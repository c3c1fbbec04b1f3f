"""What a caller touches: every declared model as an HTTP endpoint, answered by its champion.

Belongs here: the Bento service, the shape of requests and answers, their limits and errors, metrics,
starting and
stopping the service. Does not belong here: how a score is computed (`ml.predictor`), which version is
champion
(`ml.registry`), and anything of Dagster. The only package that imports bentoml.
"""
