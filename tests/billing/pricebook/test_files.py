"""The price files themselves, and what is no price file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import checks
from billing.pricebook import files as book
from billing.pricebook.lint import lint
from billing.pricebook.meters import PLAN_METERS
from portal.kernel import clock
from services import registry

START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = 'book = "list"\ncurrency = "EUR"\nvalid_from = 2026-01-01\n'


@pytest.fixture
def write(tmp_path):
    """Writes one price file with these entries and reads it."""

    def _write(text, head=HEAD):
        (tmp_path / "some.toml").write_text(head + text)
        return book.read(tmp_path)

    return _write


@pytest.fixture(scope="module")
def listed():
    return {(r.price_class, r.meter): r for r in book.read()}


def price(row):
    assert len(row.tiers) == 1
    return str(row.tiers[0].unit_price)


def test_the_published_files_keep_every_rule(listed):
    assert lint(listed.values()) == []
    assert {r.valid_from for r in listed.values()} == {START}


# From the layer's price list, row by row: class, meter, unit, price.
@pytest.mark.parametrize(
    ("price_class", "meter", "unit", "amount"),
    [
        ("database.postgresql", "vcpu", "hour", "0.02592"),
        ("database.postgresql", "memory_gib", "hour", "0.00792"),
        ("database.postgresql", "storage_gib", "hour", "0.000164"),
        ("database.postgresql", "backup_gib", "hour", "0.000041"),
        ("database.mariadb", "vcpu", "hour", "0.02592"),
        ("database.timeseries", "memory_gib", "hour", "0.00792"),
        ("database.valkey", "vcpu", "hour", "0.01980"),
        ("database.valkey", "memory_gib", "hour", "0.01188"),
        ("database.memcached", "vcpu", "hour", "0.01620"),
        ("database.memcached", "memory_gib", "hour", "0.00900"),
        ("integration.kafka", "vcpu", "hour", "0.03240"),
        ("integration.kafka", "memory_gib", "hour", "0.01080"),
        ("integration.kafka", "storage_gib", "hour", "0.000123"),
        ("integration.rabbitmq", "vcpu", "hour", "0.02592"),
        ("integration.nats", "memory_gib", "hour", "0.00792"),
        ("analytics.object-storage", "storage_gib", "hour", "0.000019"),
        ("analytics.object-storage", "vcpu", "hour", "0"),
        ("analytics.object-storage", "memory_gib", "hour", "0"),
        ("compute.shared", "vcpu", "hour", "0.00648"),
        ("compute.gpu-h100", "gpu", "hour", "2.952"),
        ("compute.batch", "vcpu", "hour", "0.004536"),
        ("containers.kubernetes", "control_plane", "hour", "0.0864"),
        ("serverless.functions", "invocations", "million", "0.15"),
        ("serverless.containers", "vcpu_second", "second", "0.0000090"),
        ("network.ipv4", "public_ipv4", "hour", "0.00252"),
        ("network.cdn", "requests", "ten-thousand", "0.0060"),
        ("network.waf", "requests", "million", "0.50"),
        ("ai.llm-l", "tokens_out", "million", "5.50"),
        ("ai.notebooks", "vcpu", "hour", "0.014256"),
        ("security.hsm", "keys", "month", "4.50"),
        ("monitoring.logs", "ingested", "GiB", "0.35"),
        ("iot.mqtt", "devices", "thousand-months", "20.00"),
        ("messaging.sms", "sms", "one", "0.070"),
        ("support.business", "support", "month", "49"),
    ],
)
def test_the_list_says(listed, price_class, meter, unit, amount):
    row = listed[price_class, meter]
    assert (row.unit, price(row)) == (unit, amount)


def test_tiers_and_allowances_of_the_list(listed):
    egress = listed["network.egress", "egress"]
    assert (egress.mode, egress.free_quantity) == ("graduated", Decimal(1024))
    assert [(t.start, t.end, str(t.unit_price)) for t in egress.tiers] == [
        (Decimal(0), Decimal(10240), "0.0100"),
        (Decimal(10240), Decimal(51200), "0.0080"),
        (Decimal(51200), None, "0.0060"),
    ]
    assert listed["analytics.object-storage", "storage_gib"].free_quantity == 75 * 730
    dev = listed["database.postgresql", "vcpu"]
    assert (dev.free_quantity, dev.free_for) == (Decimal(730), "dev")
    assert listed["database.mariadb", "vcpu"].free_quantity == 0
    assert listed["database.mariadb", "backup_gib"].free_for == "own-storage"


def test_the_volume_discount_on_compute_is_five_and_ten_per_cent(listed):
    first, second, third = (t.unit_price for t in listed["compute.general", "vcpu"].tiers)
    assert second == first * Decimal("0.95")
    assert third == first * Decimal("0.90")


def test_a_month_of_storage_is_about_what_the_list_says(listed):
    monthly = {
        name: (listed[name, "storage_gib"].tiers[0].unit_price * 730).quantize(Decimal("0.001"))
        for name in ("database.postgresql", "storage.block", "containers.registry")
    }
    assert monthly == {
        "database.postgresql": Decimal("0.120"),
        "storage.block": Decimal("0.045"),
        "containers.registry": Decimal("0.060"),
    }


# -- what cannot be read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[price]]\nclass = "a.b"\nvcpu = 0.02592', "write the amount 0.02592 as a string"),
        ('[[price]]\nclass = "a.b"\nvcpu = 1', "write the amount 1 as a string"),
        ('[[price]]\nclass = "a.b"\nvcpu = {price = 0.1}', "write the amount 0.1 as a string"),
        ('[[price]]\nclass = "a.b"\nvcpu = "cheap"', "'cheap' is no amount"),
        ('[[price]]\nclass = "a.b"\nvcpu = "NaN"', "'NaN' is no amount"),
        ('[[price]]\nclass = "a.b"\nvpcu = "1"', "a.b: unknown vpcu"),
        ('[[price]]\nclass = "a.b"\nvcpu = {cost = "1"}', "a.b/vcpu: unknown cost"),
        ('[[price]]\nclass = "a.b"\nvcpu = {free = "1"}', "price is missing"),
        ('[[price]]\nvcpu = "1"', "class is missing"),
        ('[[price]]\nclass = "a.b"\nvalid_from = "2026"\nvcpu = "1"', "'2026' is no date"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_fault(write, text, said):
    with pytest.raises(ValueError, match=f"some.toml: {said}"):
        write(text)


def test_a_folder_without_files_is_a_fault(tmp_path):
    with pytest.raises(ValueError, match="no price file"):
        book.read(tmp_path)


# -- what may not be published ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('vcpu = "0.01"', "a.b/vcpu: 0.01 × 1 is no exact price per second"),
        # 0.0000011495 per second after 5 %: ten decimals.
        ('vcpu = "0.004356"', "a.b/vcpu: 0.004356 × 0.95 is no exact price per second"),
        ('vcpu = "-0.0036"', "a.b/vcpu: a price is negative"),
        ('requests = "0.0000000001"', "0.0000000001 has more than 9 decimals"),
        ('storage_gib = {price = "0.12", unit = "month"}', "list storage by the GiB-hour"),
        ('requests = {price = "1", unit = "dozen"}', "unknown unit dozen"),
        ('requests = {price = "1", mode = "haggled"}', "unknown mode haggled"),
        ('requests = {price = "1", free = "-1"}', "the free quantity is negative"),
        ('requests = {price = "1", free_for = "friends"}', "unknown free_for friends"),
        ('requests = {tiers = [{to = "5", price = "1"}, {price = "2"}]}', "flat price has one"),
        ('requests = {mode = "graduated", tiers = []}', "it has no tier"),
        (
            'requests = {mode = "graduated", tiers = [{to = "5", price = "1"}]}',
            "the last tier has no end",
        ),
        (
            'requests = {mode = "graduated", tiers = [{from = "1", price = "1"}]}',
            "the first tier begins at 0",
        ),
        (
            'requests = {mode = "graduated", tiers = '
            '[{to = "5", price = "1"}, {from = "6", price = "2"}]}',
            "tiers leave a gap or overlap at 5",
        ),
        (
            'requests = {mode = "graduated", tiers = '
            '[{to = "5", price = "1"}, {to = "3", price = "2"}, {price = "1"}]}',
            "a tier ends at 3, before it begins",
        ),
        ('valid_to = 2025-12-31\nrequests = "1"', "ends on 2025-12-31, before it begins"),
        ('category = "secret"\nrequests = "1"', "unknown category secret"),
    ],
)
def test_lint_finds(write, text, said):
    found = lint(write(f'[[price]]\nclass = "a.b"\n{text}'))
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    "text",
    [
        'vcpu = "0.0036"',
        'category = "dynamic"\nvcpu = "0.001386"',  # a discounted price is not discounted again
        'discountable = false\nvcpu = "0.004356"',
        'requests = {mode = "graduated", tiers = [{to = "5", price = "1"}, {price = "2"}]}',
    ],
)
def test_lint_accepts(write, text):
    assert lint(write(f'[[price]]\nclass = "a.b"\n{text}')) == []


def entry(start, end=None, **more):
    lines = [f"valid_from = {start}", *([f"valid_to = {end}"] if end else [])]
    lines += [f'{k} = "{v}"' for k, v in more.items()]
    return "\n".join(["[[price]]", 'class = "a.b"', *lines, 'requests = "1"', ""])


def test_two_prices_may_follow_each_other_and_not_overlap(write):
    assert lint(write(entry("2026-01-01", "2026-07-01") + entry("2026-07-01"))) == []
    overlapping = lint(write(entry("2026-01-01", "2026-07-02") + entry("2026-07-01")))
    assert overlapping == ["a.b/requests: two prices hold on 2026-07-01"]
    open_ended = lint(write(entry("2026-07-01") + entry("2026-01-01")))
    assert open_ended == ["a.b/requests: two prices hold on 2026-07-01"]


def test_prices_of_regions_and_categories_stand_beside_each_other(write):
    both = entry("2026-01-01") + entry("2026-01-01", region="north")
    assert lint(write(both + entry("2026-01-01", category="dynamic"))) == []


def test_a_book_has_one_currency(write, tmp_path):
    write(entry("2026-01-01"))
    (tmp_path / "other.toml").write_text(
        HEAD.replace("EUR", "CHF") + '[[price]]\nclass = "c.d"\nrequests = "1"\n'
    )
    assert lint(book.read(tmp_path)) == ["book list: more than one currency"]


# -- every plan has its price ----------------------------------------------------------------------


def test_every_plan_of_every_offering_is_priced():
    offerings = [e.offering for e in registry.entries().values()]
    assert offerings
    assert checks.unpriced(offerings, book.read(), clock.now()) == []
    assert checks.check_prices() == []


@pytest.mark.parametrize(
    "price_class",
    [
        "database.postgresql",
        "database.mariadb",
        "database.valkey",
        "database.memcached",
        "database.timeseries",
        "integration.kafka",
        "integration.rabbitmq",
        "integration.nats",
        "analytics.object-storage",
    ],
)
def test_the_classes_of_the_first_offerings_price_all_that_a_plan_is_made_of(listed, price_class):
    assert [m for m in PLAN_METERS if (price_class, m) not in listed] == []


def test_an_unpriced_class_is_a_fault():
    offering = replace(registry.get("postgresql").offering, price_class="database.unheard-of")
    assert checks.unpriced([offering], book.read(), clock.now()) == [
        "postgresql: price class database.unheard-of has no price for vcpu, memory_gib, "
        f"storage_gib on {clock.now():%F}"
    ]


def test_a_price_that_has_not_begun_or_will_end_leaves_a_class_unpriced():
    offering = registry.get("postgresql").offering
    rows, now = book.read(), datetime(2026, 11, 25, tzinfo=UTC)
    later = [replace(r, valid_from=now + timedelta(days=1)) for r in rows]
    assert "on 2026-11-25" in checks.unpriced([offering], later, now)[0]
    ending = [replace(r, valid_to=now + timedelta(days=1)) for r in rows]
    assert "on 2026-11-26" in checks.unpriced([offering], ending, now)[0]
    regional = [replace(r, region="north") for r in rows]
    assert "has no price" in checks.unpriced([offering], regional, now)[0]


def test_the_system_check_reports_files_and_classes(monkeypatch, tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "bad.toml").write_text(HEAD + '[[price]]\nclass = "a.b"\nvcpu = "0.01"\n')
    rows = book.read(folder)
    monkeypatch.setattr(book, "read", lambda: rows)
    ids = {message.id for message in checks.check_prices()}
    assert ids == {"billing.E001", "billing.E002"}
