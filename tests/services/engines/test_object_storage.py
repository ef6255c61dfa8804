"""Object storage by a real client: boto3."""

import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

BODY = b"kept" * 2_000_000  # more than one chunk


def client(handle, service="s3", **changes):
    c = handle.credentials
    wanted = {
        "endpoint_url": str(c.uri),
        "aws_access_key_id": c.username,
        "aws_secret_access_key": str(c.password),
        "region_name": "us-east-1",
        "verify": handle.ca,
        "config": Config(retries={"max_attempts": 0}, connect_timeout=60, read_timeout=60),
    }
    return boto3.client(service, **{**wanted, **changes})


def refusal(call, **arguments):
    """The code that the store refuses with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def read(handle):
    return client(handle).get_object(Bucket="data", Key="raw/x")["Body"].read()


def test_lives_its_life(run_offering):
    handle = run_offering("object-storage")
    s3 = client(handle)
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["data"]
    s3.put_object(Bucket="data", Key="raw/x", Body=BODY)
    old = str(handle.credentials.password)
    wrong = client(handle, aws_secret_access_key="wrong")
    assert refusal(wrong.list_buckets) == "SignatureDoesNotMatch"
    nobody = client(handle, aws_access_key_id="POLDERNOBODY0000")
    assert refusal(nobody.list_buckets) == "InvalidAccessKeyId"

    handle.pause()
    with pytest.raises(BotoCoreError):
        client(handle).list_buckets()
    handle.resume()
    assert read(handle) == BODY
    handle.rotate()
    assert read(handle) == BODY
    former = client(handle, aws_secret_access_key=old)
    assert refusal(former.list_buckets) == "SignatureDoesNotMatch"

    port = handle.credentials.port
    handle.destroy()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 2)
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_plaintext_and_anonymous_are_refused(run_offering):
    handle = run_offering("object-storage")
    c = handle.credentials
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{c.port}/", timeout=60)
    assert caught.value.code == 400
    with pytest.raises(BotoCoreError):
        client(handle, verify=True).list_buckets()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{handle.ports()['s3_plain']}/data", timeout=60)
    assert caught.value.code == 403


def test_what_a_lake_needs(run_offering):
    handle = run_offering("object-storage", parameters={"layout": "lake", "bucket": "lake"})
    s3 = client(handle)
    names = sorted(b["Name"] for b in s3.list_buckets()["Buckets"])
    assert names == ["lake", "lake-curated", "lake-processed", "lake-raw"]
    s3.put_bucket_versioning(Bucket="lake-raw", VersioningConfiguration={"Status": "Enabled"})
    for word in (b"1", b"2"):
        s3.put_object(Bucket="lake-raw", Key="k", Body=word)
    found = s3.list_object_versions(Bucket="lake-raw", Prefix="k")["Versions"]
    bodies = [
        s3.get_object(Bucket="lake-raw", Key="k", VersionId=v["VersionId"])["Body"].read()
        for v in found
    ]
    assert sorted(bodies) == [b"1", b"2"]
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(
        Bucket="lake-raw", LifecycleConfiguration={"Rules": [rule]}
    )
    rules = s3.get_bucket_lifecycle_configuration(Bucket="lake-raw")["Rules"]
    assert rules[0]["Expiration"] == {"Days": 3}
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "lake-raw", "Key": "k"})
    trust = ssl.create_default_context(cafile=handle.ca)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))
    assert opener.open(link, timeout=60).read() == b"2"


def test_the_tenant_has_no_way_out(run_offering):
    handle = run_offering("object-storage")
    client(handle).put_object(Bucket="data", Key="raw/x", Body=b"mine")
    iam, sts = client(handle, "iam"), client(handle, "sts")
    attempts = [
        iam.list_users,
        lambda: iam.create_user(UserName="eve"),
        lambda: iam.create_access_key(UserName="app"),
        lambda: iam.put_user_policy(UserName="app", PolicyName="p", PolicyDocument="{}"),
        lambda: sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/r", RoleSessionName="abc"),
    ]
    got_out = []
    for number, attempt in enumerate(attempts):
        try:
            attempt()
            got_out.append(number)
        except (ClientError, ResponseParserError):
            pass
    assert got_out == []
    assert [b["Name"] for b in client(handle).list_buckets()["Buckets"]] == ["data"]
    s3 = client(handle)
    assert refusal(s3.get_object, Bucket="..", Key="etc/passwd")
    assert refusal(s3.get_object, Bucket="data", Key="../../etc/iam/identity.json")


def test_the_inner_ports_want_a_signature(run_offering):
    handle = run_offering("object-storage")
    client(handle).put_object(Bucket="data", Key="raw/x", Body=b"mine")
    ports = handle.ports()
    assigned = urllib.request.urlopen(f"http://127.0.0.1:{ports['master']}/dir/assign", timeout=60)
    assert assigned.status == 200
    for url in (
        f"http://127.0.0.1:{ports['filer']}/buckets/data/raw/x",
        f"http://127.0.0.1:{ports['filer']}/buckets/",
        f"http://127.0.0.1:{ports['volume']}/1,01637037d6",
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener().open(url, timeout=60)
        assert caught.value.code == 401, url


def test_every_listener_is_leased_and_on_loopback(run_offering):
    handle = run_offering("object-storage")
    ports = handle.ports()
    engine = psutil.Process(handle.backend.supervisor.state(handle.spec.name).pid)
    wanted = {*ports.values(), ports["admin_grpc"] - 10000}  # the last one comes up late

    def listening():
        found = engine.net_connections("tcp")
        return {tuple(c.laddr) for c in found if c.status == psutil.CONN_LISTEN}

    until = time.monotonic() + 120
    while {port for _, port in listening()} != wanted:
        assert time.monotonic() < until, (listening(), wanted)
        time.sleep(0.1)
    assert {host for host, _ in listening()} == {"127.0.0.1"}


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("object-storage")

    def status():
        url = f"http://127.0.0.1:{handle.ports()['master']}/dir/status"
        return urllib.request.urlopen(url, timeout=60).read()

    assert b'"Max":160,' in status()  # 10 GiB in volumes of 64 MiB
    client(handle).put_object(Bucket="data", Key="raw/x", Body=BODY)
    handle.change(plan="single-2x4")
    assert b'"Max":1003,' in status()
    assert read(handle) == BODY


def test_a_crash_is_repaired_by_the_supervisor(run_offering):
    handle = run_offering("object-storage")
    client(handle).put_object(Bucket="data", Key="raw/x", Body=BODY)
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 120
    while handle.backend.supervisor.state(handle.spec.name).pid in (0, pid) or (
        handle.observe().observed != "ready"
    ):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert read(handle) == BODY


def test_a_deleted_first_bucket_does_not_hurt_readiness(run_offering):
    handle = run_offering("object-storage")
    s3 = client(handle)
    for item in s3.list_objects_v2(Bucket="data").get("Contents", []):
        s3.delete_object(Bucket="data", Key=item["Key"])
    s3.delete_bucket(Bucket="data")
    assert handle.observe().observed == "ready"
