"""Files of an S3 bucket, over HTTP: new and changed ones, what is not there."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.warehouse.loaders.intake.declaring import orders
from tests.warehouse.loaders.intake.loading import counts, load
from warehouse.loaders.declaration import LoadError

TABLE = orders(read="orders/*")
HEADING = b"order_id,customer,amount,paid_at\n"


@pytest.fixture
def bucket(aws, moto_url):
    """A client, and the address of a new bucket's folder `shop`."""
    client = aws("s3")
    client.create_bucket(Bucket="lake")
    host = urlsplit(moto_url).netloc
    yield client, f"s3://lake/shop?scheme=http&endpoint_override={host}&region=us-east-1"
    for entry in client.list_objects_v2(Bucket="lake").get("Contents", []):
        client.delete_object(Bucket="lake", Key=entry["Key"])
    client.delete_bucket(Bucket="lake")


def test_new_and_changed_files_are_read_and_no_others(wh, bucket, tmp_path):
    client, address = bucket
    client.put_object(Bucket="lake", Key="shop/orders/a.csv", Body=HEADING + b"1,ada,9.50,\n")
    client.put_object(
        Bucket="lake", Key="shop/orders/b.csv.gz", Body=gzip.compress(HEADING + b"2,bob,1,\nx,eve,1,\n")
    )
    client.put_object(Bucket="lake", Key="shop/notes.txt", Body=b"not an order")
    parquet.write_table(pa.table({"order_id": [3], "customer": ["cy"]}), tmp_path / "c.parquet")
    client.upload_file(str(tmp_path / "c.parquet"), "lake", "shop/orders/2013/c.parquet")
    assert counts(load(wh, "s3", TABLE, address)) == (4, 3, 0, 1)
    assert counts(load(wh, "s3", TABLE, address)) == (0, 0, 0, 0)
    client.put_object(Bucket="lake", Key="shop/orders/a.csv", Body=HEADING + b"1,ada,9.75,\n4,dan,2,\n")
    assert counts(load(wh, "s3", TABLE, address)) == (2, 2, 0, 0)
    found = wh.query("select customer, source_position from raw.shop__orders order by order_id, known_at")
    assert [row["customer"] for row in found] == ["ada", "ada", "bob", "cy", "dan"]
    assert found[2]["source_position"] == "orders/b.csv.gz: row 1"


def test_a_version_is_known_from_when_the_object_was_written(wh, bucket):
    client, address = bucket
    client.put_object(Bucket="lake", Key="shop/orders/a.csv", Body=HEADING + b"1,ada,9.50,\n")
    load(wh, "s3", TABLE, address)
    written = client.head_object(Bucket="lake", Key="shop/orders/a.csv")["LastModified"]
    assert wh.scalar("select known_at from raw.shop__orders") == written


def test_a_bucket_that_is_not_there_is_named(wh, bucket):
    _, address = bucket
    with pytest.raises(LoadError, match="nowhere"):
        load(wh, "s3", TABLE, address.replace("lake", "nowhere"))
    with pytest.raises(LoadError, match="canbe|no file matches|cannot be read"):
        load(wh, "s3", TABLE, address)
