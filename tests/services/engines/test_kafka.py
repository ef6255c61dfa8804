"""Apache Kafka by a real client: confluent-kafka."""

import os
import signal
import socket
import ssl
import time
import uuid

import psutil
import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509

WAIT_SECONDS = 120


def settings(handle, **changes):
    c = handle.credentials
    return {
        "bootstrap.servers": f"{c.host}:{c.port}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": c.username,
        "sasl.password": str(c.password),
        "ssl.ca.location": handle.ca,
        "log_level": 0,
        **{name.replace("_", "."): value for name, value in changes.items()},
    }


def done(futures):
    return [future.result(WAIT_SECONDS) for future in futures.values()]


def make_topic(handle, name="orders", partitions=1):
    admin = AdminClient(settings(handle))
    done(admin.create_topics([NewTopic(name, partitions, 1)]))


def write(handle, count, topic="orders", first=0, **changes):
    faults = []
    producer = Producer(settings(handle, **changes))
    for number in range(first, first + count):
        producer.produce(
            topic, f"m{number}".encode(), on_delivery=lambda e, m: e and faults.append(e.str())
        )
    assert producer.flush(WAIT_SECONDS) == 0
    assert faults == []


def read(handle, count, topic="orders", group="g"):
    consumer = Consumer(
        settings(handle, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False)
    )
    consumer.subscribe([topic])
    found, until = [], time.monotonic() + WAIT_SECONDS
    while len(found) < count and time.monotonic() < until:
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None, message.error()
            found.append(message.value().decode())
    consumer.commit(asynchronous=False)
    consumer.close()
    return found


def says(handle, word, **changes):
    """Until the client says so of why it cannot log in; fails when it can."""
    words = []
    admin = AdminClient(
        {**settings(handle, **changes), "error_cb": lambda error: words.append(error.str())}
    )
    until = time.monotonic() + WAIT_SECONDS
    while word not in " ".join(words):
        assert time.monotonic() < until, words
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=0.2)
        admin.poll(0.1)
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=0.5)


def gets_nothing(handle, **changes):
    """A client to which nobody speaks, some of which are not even told so."""
    with pytest.raises(KafkaException):
        AdminClient(settings(handle, **changes)).list_topics(timeout=4)


@pytest.mark.parametrize("version", ["4.4", "4.2", "3.9"])
def test_lives_its_life(run_offering, version):
    handle = run_offering("kafka", version)
    make_topic(handle)
    write(handle, 500)
    assert read(handle, 300) == [f"m{n}" for n in range(300)]
    old = str(handle.credentials.password)
    says(handle, "invalid credentials", sasl_password="wrong")
    says(handle, "invalid credentials", sasl_username="ghost")

    handle.pause()
    says(handle, "refused")
    handle.resume()
    assert read(handle, 200) == [f"m{n}" for n in range(300, 500)]
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    handle.rotate()
    assert handle.backend.supervisor.state(handle.spec.name).pid == pid
    says(handle, "invalid credentials", sasl_password=old)
    write(handle, 1, first=500)
    assert read(handle, 1) == ["m500"]

    port = handle.credentials.port
    handle.destroy()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 2)
    assert not (handle.backend.home / "instances" / handle.spec.name).exists()


def test_plaintext_and_foreign_certificates_are_refused(run_offering):
    handle = run_offering("kafka")
    plain = {"security_protocol": "SASL_PLAINTEXT"}
    gets_nothing(handle, **plain)
    gets_nothing(handle, security_protocol="PLAINTEXT")
    strange = "/etc/ssl/certs/ca-certificates.crt"
    says(handle, "certificate verify failed", ssl_ca_location=strange)
    ports = handle.ports()
    for name in ("broker", "controller"):
        inner = {"bootstrap_servers": f"127.0.0.1:{ports[name]}"}
        gets_nothing(handle, **inner, security_protocol="PLAINTEXT")
        gets_nothing(handle, **inner, security_protocol="SASL_PLAINTEXT", sasl_mechanisms="PLAIN")


ANY_RIGHT = AclBindingFilter(
    ResourceType.ANY,
    None,
    ResourcePatternType.ANY,
    None,
    None,
    AclOperation.ANY,
    AclPermissionType.ANY,
)


def attempts(admin):
    """What a tenant must not do, each a call that should be refused."""
    everything = AclBinding(
        ResourceType.BROKER,
        "kafka-cluster",
        ResourcePatternType.LITERAL,
        "User:app",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    entry = ConfigEntry("log.cleaner.threads", "2", incremental_operation=AlterConfigOpType.SET)
    broker = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[entry])
    inner = [ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)]
    offsets = ConfigResource(
        ConfigResource.Type.TOPIC, "__consumer_offsets", incremental_configs=inner
    )
    return {
        "create rights": lambda: done(admin.create_acls([everything])),
        "delete rights": lambda: done(admin.delete_acls([ANY_RIGHT])),
        "make a user": lambda: done(
            admin.alter_user_scram_credentials([UserScramCredentialUpsertion("eve", scram, b"e")])
        ),
        "change the broker": lambda: done(admin.incremental_alter_configs([broker])),
        "see the broker": lambda: done(
            admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")])
        ),
        "change internal topic": lambda: done(admin.incremental_alter_configs([offsets])),
        "delete internal topic": lambda: done(admin.delete_topics(["__consumer_offsets"])),
        "widen internal topic": lambda: done(
            admin.create_partitions([NewPartitions("__consumer_offsets", 9)])
        ),
    }


@pytest.mark.parametrize("version", ["4.4", "3.9"])
def test_the_tenant_has_no_way_out(run_offering, version):
    handle = run_offering("kafka", version)
    make_topic(handle)
    write(handle, 1)
    read(handle, 1)  # makes the topic of the offsets
    admin = AdminClient(settings(handle))
    words = {}
    for name, attempt in attempts(admin).items():
        try:
            words[name] = f"done: {attempt()}"
        except KafkaException as error:
            words[name] = error.args[0].name()
    got_out = {n: word for n, word in words.items() if "AUTHORIZATION_FAILED" not in word}
    assert got_out == {}
    assert admin.describe_acls(ANY_RIGHT).result(WAIT_SECONDS) == []  # its own are not shown to it
    faults = []
    producer = Producer(settings(handle))
    producer.produce("__consumer_offsets", b"x", on_delivery=lambda e, m: faults.append(e))
    producer.flush(WAIT_SECONDS)
    assert [fault is not None for fault in faults] == [True]


def test_what_the_tenant_may_do(run_offering):
    handle = run_offering("kafka", parameters={"default_partitions": 3, "retention_hours": 24})
    admin = AdminClient(settings(handle))
    make_topic(handle, partitions=-1)
    assert len(admin.list_topics("orders", timeout=60).topics["orders"].partitions) == 3
    topic = ConfigResource(ConfigResource.Type.TOPIC, "orders")
    found = done(admin.describe_configs([topic]))[0]
    assert found["retention.ms"].value == str(24 * 3600 * 1000)
    assert found["retention.bytes"].value == str(2**30)
    entry = ConfigEntry("retention.ms", "5000", incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ConfigResource.Type.TOPIC, "orders", incremental_configs=[entry])
    done(admin.incremental_alter_configs([changed]))
    done(admin.create_partitions([NewPartitions("orders", 4)]))

    producer = Producer(settings(handle, transactional_id="t", enable_idempotence=True))
    producer.init_transactions(WAIT_SECONDS)
    producer.begin_transaction()
    producer.produce("orders", b"whole", partition=0)
    producer.commit_transaction(WAIT_SECONDS)
    assert read(handle, 1, group="a") == ["whole"]
    groups = [g.group_id for g in admin.list_consumer_groups().result(WAIT_SECONDS).valid]
    assert groups == ["a"]
    offsets = ConsumerGroupTopicPartitions("a", [TopicPartition("orders", 0, 0)])
    done(admin.alter_consumer_group_offsets([offsets]))
    assert read(handle, 1, group="a") == ["whole"]
    done(admin.delete_consumer_groups(["a"]))
    done(admin.delete_topics(["orders"]))


def test_topics_on_first_use_are_a_choice(run_offering):
    handle = run_offering("kafka")
    with pytest.raises(AssertionError):
        write(handle, 1, topic="typo", topic_metadata_propagation_max_ms=3000)
    write_topic = f"new-{uuid.uuid4().hex}"
    handle.change(auto_create_topics=True)
    write(handle, 1, topic=write_topic)
    assert read(handle, 1, topic=write_topic) == ["m0"]


def test_the_plan_is_really_applied(run_offering):
    handle = run_offering("kafka")
    make_topic(handle)
    write(handle, 1)

    def argv():
        pid = handle.backend.supervisor.state(handle.spec.name).pid
        return psutil.Process(pid).cmdline()

    assert "-Xmx409m" in argv()
    handle.change(plan="single-2x8")
    assert "-Xmx3276m" in argv()
    assert str(handle.credentials.password) not in " ".join(argv())
    assert str(handle.spec.secrets["internal_password"]) not in " ".join(argv())
    assert read(handle, 1) == ["m0"]


def test_a_renewed_certificate_is_taken_over(run_offering):
    handle = run_offering("kafka")
    folder = handle.backend.home / "instances" / handle.spec.name / "config"
    (folder / "certificate.pem").unlink()
    handle.apply()
    wanted = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    context = ssl.create_default_context(cafile=handle.ca)
    with (
        socket.create_connection(("127.0.0.1", handle.credentials.port), 60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        shown = x509.load_der_x509_certificate(secure.getpeercert(True))
    assert shown.serial_number == wanted.serial_number


def test_listeners_and_crash(run_offering):
    handle = run_offering("kafka")
    make_topic(handle)
    write(handle, 3)
    pid = handle.backend.supervisor.state(handle.spec.name).pid
    found = psutil.Process(pid).net_connections("tcp")
    listening = {c.laddr for c in found if c.status == psutil.CONN_LISTEN}
    hosts = {str(a[0]).removeprefix("::ffff:") for a in listening}
    assert hosts == {"127.0.0.1"}
    assert {a[1] for a in listening} == set(handle.ports().values())
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 120
    while handle.backend.supervisor.state(handle.spec.name).pid in (0, pid) or (
        handle.observe().observed != "ready"
    ):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert read(handle, 3) == ["m0", "m1", "m2"]
