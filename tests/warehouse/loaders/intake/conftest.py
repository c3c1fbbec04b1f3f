"""The servers that tests of connectors read from, started when first asked for.

Belongs here: one fixture a server. Does not belong here: what a test puts into it.
"""

from __future__ import annotations

import pytest

from tests.peers import servers


@pytest.fixture(scope="session")
def moto_url():
    """S3 and Kinesis over HTTP."""
    with servers.moto() as url:
        yield url


@pytest.fixture(scope="session")
def broker():
    """A Kafka broker: `host:port`."""
    with servers.kafka() as address:
        yield address


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory):
    with servers.mongodb(tmp_path_factory.mktemp("documents")) as url:
        yield url


@pytest.fixture
def aws(monkeypatch, moto_url):
    """The environment an AWS client takes its credentials from; a factory of boto3's clients."""
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return lambda service: boto3.client(service, region_name="us-east-1", endpoint_url=moto_url)
