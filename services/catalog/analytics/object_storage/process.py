"""SeaweedFS (`weed mini`) as a process of this machine. Source: the program's own help, version
4.48, and its security.toml.

One key pair, the tenant's, may do everything with buckets and objects and nothing with identities:
the IAM API is off. Master, volume server, filer and administration listen on loopback for the
server's own use. Reading and writing through them needs a token signed with a key of the instance;
their status pages and their gRPC ports have no login. None of them is published.
"""

from pathlib import Path

from services.catalog.analytics.object_storage.usage import requests
from services.spec import (
    Capability,
    Client,
    Counting,
    Credentials,
    Endpoint,
    Exec,
    File,
    Http,
    InstanceSpec,
    Listener,
    Place,
    ProcessSpec,
    Secret,
)

_INTERNAL = (
    "master",
    "master_grpc",
    "volume",
    "volume_grpc",
    "filer",
    "filer_grpc",
    "s3_plain",
    "s3_grpc",
    "admin_grpc",
    "metrics",
)
LISTENERS = (Listener("s3"), *(Listener(name, public=False) for name in _INTERNAL))
ALSO: tuple[str, ...] = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.LOGS})
REGION = "us-east-1"  # S3 clients need one to sign; the server takes any
PROBE = ".polder-ready"  # the object in the first bucket that the readiness check reads
_ADMIN_OFFSET = 10000  # the server's own worker looks for the gRPC port at the HTTP port plus this
_HEAP_SHARE = 3 / 4  # of the plan's memory; above it the runtime frees more eagerly
_VOLUMES = 1000  # files of the store at most, about; each bucket takes one or more


def engine(version: str) -> str:
    return f"seaweedfs-{version}"


def prepare(place: Place) -> tuple[Exec, ...]:
    return ()


def access_key(spec: InstanceSpec) -> str:
    """Its id is no secret and stays; a rotation changes the secret."""
    return f"POLDER{spec.name.replace('-', '').upper()}"


def process(spec: InstanceSpec, place: Place) -> ProcessSpec:
    port, secret, key = place.ports["s3"], spec.secrets["password"], access_key(spec)
    uri = f"https://{place.host}:{port}"
    return ProcessSpec(
        argv=[
            f"{place.home}/bin/weed",
            f"-config_dir={place.config}",
            "mini",
            *_options(spec, place),
        ],
        env={
            "GOMEMLIMIT": f"{int(spec.plan.memory_mib * _HEAP_SHARE)}MiB",
            "GOMAXPROCS": str(max(1, int(spec.plan.vcpu))),
        },
        files=(
            File("s3.json", Secret(_identities(key, secret))),
            File("security.toml", Secret(_security(spec))),
            File("master.toml", Secret("[master.volume_growth]\ncopy_1 = 1\n")),
        ),
        ready=_client(spec, place, make=False),
        setup=(_client(spec, place, make=True),),
        counting=_counting(place),
        reload="HUP",  # s3.json; the server looks at its certificate every few hours by itself
        stop_seconds=30,
        endpoints=(Endpoint("s3", "s3", place.host, port, uri, True),),
        credentials=Credentials(
            username=key,
            password=secret,
            uri=Secret(uri),
            host=place.host,
            port=port,
            database=spec.parameters["bucket"],
            ca_certificate=place.ca,
            env={
                "AWS_ENDPOINT_URL_S3": Secret(uri),
                "AWS_ACCESS_KEY_ID": Secret(key),
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_DEFAULT_REGION": Secret(REGION),
            },
        ),
    )


def _client(spec: InstanceSpec, place: Place, *, make: bool) -> Client:
    """Logs in and reads the known object, or makes the first buckets and that object."""
    bucket = spec.parameters["bucket"]
    lake = [f"{bucket}-{zone}" for zone in ("raw", "processed", "curated")]
    return Client(
        engine(spec.version),
        Path(__file__).parent / "s3.py",
        {
            "host": place.host,
            "port": place.ports["s3"],
            "master": place.ports["master"],
            "filer": place.ports["filer"],
            "read_key": spec.secrets["read_key"],
            "ca": place.ca,
            "region": REGION,
            "key": access_key(spec),
            "secret": spec.secrets["password"],
            "make": [bucket, *(lake if spec.parameters["layout"] == "lake" else [])]
            if make
            else [],
            "probe": f"{bucket}/{PROBE}",
        },
        timeout_seconds=30 if make else 5,
    )


def _counting(place: Place) -> Counting | None:
    """None for a server of an earlier release, which has no such port yet."""
    port = place.ports["metrics"]
    return Counting(Http(f"http://{place.host}:{port}/metrics"), requests) if port else None


def _options(spec: InstanceSpec, place: Place) -> list[str]:
    """Every port is named, or the server takes its well-known ones; what is not needed is off."""
    ports, storage_mib = place.ports, spec.plan.storage_gib * 1024
    volume_mib = max(64, storage_mib // _VOLUMES)
    options = {
        "dir": place.data,
        "ip": place.host,
        "ip.bind": place.host,
        "master.port": ports["master"],
        "master.port.grpc": ports["master_grpc"],
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": volume_mib,
        "volume.port": ports["volume"],
        "volume.port.grpc": ports["volume_grpc"],
        "volume.max": storage_mib // volume_mib,
        "filer.port": ports["filer"],
        "filer.port.grpc": ports["filer_grpc"],
        "filer.localSocket": f"{place.run}/filer.sock",
        "s3.port": ports["s3_plain"],
        "s3.port.grpc": ports["s3_grpc"],
        "s3.port.https": ports["s3"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": f"{place.run}/s3.sock",
        "s3.cert.file": place.certificate,
        "s3.key.file": place.key,
        "s3.config": f"{place.config}/s3.json",
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "metricsIp": place.host,
        "metricsPort": ports["metrics"],
        "webdav": "false",
        "admin.ui": "false",
        "admin.port": ports["admin_grpc"] - _ADMIN_OFFSET,
        "admin.port.grpc": ports["admin_grpc"],
    }
    return [f"-{name}={value}" for name, value in options.items()]


def _identities(key: str, secret: Secret) -> str:
    """“Admin” here means: of buckets."""
    return (
        '{"identities": [{"name": "app", '
        f'"credentials": [{{"accessKey": "{key}", "secretKey": "{secret}"}}], '
        '"actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n'
    )


def _security(spec: InstanceSpec) -> str:
    """Keys that sign what the parts of the server ask of each other over HTTP."""
    keys = {
        "jwt.signing": "write_key",
        "jwt.signing.read": "read_key",
        "jwt.filer_signing": "write_key",
        "jwt.filer_signing.read": "read_key",
    }
    return "".join(f'[{part}]\nkey = "{spec.secrets[name]}"\n' for part, name in keys.items())
