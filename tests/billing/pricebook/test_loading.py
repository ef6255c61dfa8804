"""From files to rows: idempotent, effective-dated, and nothing that holds changes silently."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import Price
from billing.pricebook import files as book
from billing.pricebook import queries
from billing.pricebook.loading import Loaded, load_prices
from portal.kernel import clock

pytestmark = pytest.mark.django_db

HEAD = 'book = "list"\ncurrency = "EUR"\nvalid_from = 2026-01-01\n'
NOW = datetime(2026, 10, 25, 12, tzinfo=UTC)
OLD = '[[price]]\nclass = "a.b"\nvcpu = "0.0036"\n'


@pytest.fixture(autouse=True)
def _fresh():
    queries.forget_prices()
    yield
    queries.forget_prices()


@pytest.fixture
def at(monkeypatch):
    """Sets the clock."""

    def _at(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    _at(NOW)
    return _at


@pytest.fixture
def load(tmp_path, at):
    """Loads one file with these entries."""

    def _load(text, **kwargs):
        (tmp_path / "some.toml").write_text(HEAD + text)
        return load_prices(tmp_path, **kwargs)

    return _load


def rate(at=None, region="local"):
    found = queries.rates_for("a.b", region, at)
    return str(found["vcpu"].unit_price) if found else None


def test_the_whole_list_loads_once():
    rows = book.read_all()
    assert load_prices() == Loaded(added=len(rows), factors=1)
    assert load_prices() == Loaded(same=len(rows))
    assert Price.objects.exclude(book="spot-0.35").count() == len(rows)


def test_a_row_says_what_the_file_says():
    load_prices()
    row = Price.objects.get(price_class="network.egress")
    assert (row.mode, row.unit, row.free_quantity) == ("graduated", "GiB", Decimal(1024))
    assert row.tiers[1] == {"from": "10240", "to": "51200", "unit_price": "0.0080", "flat": "0"}
    assert row.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert Price.objects.get(price_class="compute.batch", meter="vcpu").category == "dynamic"


def test_public_ids_are_the_same_in_every_installation(load):
    load(OLD)
    first = Price.objects.get().public_id
    Price.objects.all().delete()
    load(OLD)
    assert Price.objects.get().public_id == first
    assert first.startswith("pr-")


def test_an_amount_that_holds_is_not_changed(load):
    load(OLD)
    with pytest.raises(
        ValueError, match=r"a\.b/vcpu: this price holds since 2026-01-01 and cannot"
    ):
        load(OLD.replace("0.0036", "0.0072"))
    assert Price.objects.get().tiers[0]["unit_price"] == "0.0036"


@pytest.mark.parametrize(
    "other",
    [
        '{price = "0.0036", unit = "month"}',
        '{mode = "volume", price = "0.0036"}',
        '{mode = "graduated", tiers = [{to = "5", price = "0.0036"}, {price = "0.0036"}]}',
    ],
)
def test_a_price_is_all_that_it_says(load, other):
    load(OLD)
    with pytest.raises(ValueError, match="cannot change"):
        load(OLD.replace('"0.0036"', other))


def test_an_amount_written_otherwise_is_the_same(load):
    load(OLD)
    assert load(OLD.replace('"0.0036"', '"0.00360"')) == Loaded(same=1)


def test_a_refused_load_writes_nothing_at_all(load):
    load(OLD)
    more = '[[price]]\nclass = "c.d"\nvcpu = "0.0036"\n'
    with pytest.raises(ValueError, match="cannot change"):
        load(more + OLD.replace("0.0036", "0.0072"))
    assert Price.objects.count() == 1


def test_every_refusal_is_said_at_once(load):
    load(OLD + 'memory_gib = "0.0036"\n')
    with pytest.raises(ValueError, match=r"a.b/vcpu: .*a.b/memory_gib: "):
        load((OLD + 'memory_gib = "0.0036"\n').replace("0.0036", "0.0072"))


def test_a_price_that_has_not_begun_may_change_and_be_withdrawn(load):
    coming = '[[price]]\nclass = "a.b"\nvalid_from = 2027-01-01\nvcpu = "0.0036"\n'
    load(OLD.replace("a.b", "c.d") + coming)
    assert load(OLD.replace("a.b", "c.d") + coming.replace("0.0036", "0.0072")).changed == 1
    assert Price.objects.get(price_class="a.b").tiers[0]["unit_price"] == "0.0072"
    assert load(OLD.replace("a.b", "c.d")).withdrawn == 1
    assert not Price.objects.filter(price_class="a.b").exists()


def test_a_price_that_holds_is_not_withdrawn(load):
    load(OLD + '[[price]]\nclass = "c.d"\nvcpu = "0.0036"\n')
    with pytest.raises(ValueError, match=r"c\.d/vcpu: the price since 2026-01-01 is missing"):
        load(OLD)
    assert Price.objects.count() == 2


RISE = """
[[price]]
class = "a.b"
valid_to = 2027-01-01
vcpu = "0.0036"

[[price]]
class = "a.b"
valid_from = 2027-01-01
vcpu = "0.0072"
"""


def test_a_rise_applies_from_its_day_and_not_before(load, at):
    load(OLD)
    assert load(RISE) == Loaded(added=1, changed=1)
    assert rate() == "0.0036"
    assert rate(datetime(2025, 12, 31, 23, 59, tzinfo=UTC)) is None
    assert rate(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == "0.0036"
    assert rate(datetime(2027, 1, 1, tzinfo=UTC)) == "0.0072"
    at(datetime(2027, 1, 1, tzinfo=UTC))
    assert rate() == "0.0072"


def test_a_rise_in_the_past_is_refused(load, at):
    load(OLD)
    at(datetime(2027, 2, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="its end can only move within the future"):
        load(RISE)
    assert Price.objects.get().valid_to is None


def test_an_end_that_has_passed_stays(load, at):
    load(RISE)
    at(datetime(2027, 2, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="its end can only move"):
        load(RISE.replace("valid_to = 2027-01-01", "valid_to = 2026-12-01"))


def test_a_price_of_a_region_is_not_slipped_under_what_was_charged(load):
    load(OLD)
    regional = '[[price]]\nclass = "a.b"\nregion = "north"\nvcpu = "0.0072"\n'
    with pytest.raises(ValueError, match="would change what was charged since then"):
        load(OLD + regional)
    later = regional.replace('region = "north"', 'region = "north"\nvalid_from = 2027-01-01')
    assert load(OLD + later).added == 1
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert (rate(new_year, "north"), rate(new_year, "south")) == ("0.0072", "0.0036")


def test_a_new_class_may_begin_in_the_past(load):
    load(OLD)
    assert load(OLD + OLD.replace("a.b", "c.d")).added == 1


def test_an_allowance_may_grow_and_not_shrink(load):
    load(OLD)
    given = OLD.replace('"0.0036"', '{price = "0.0036", free = "10", free_for = "dev"}')
    assert load(given).changed == 1
    assert load(given.replace('"10"', '"20"')).changed == 1
    for less in (given, given.replace('"10"', '"20"').replace('"dev"', '"dev-vm"'), OLD):
        with pytest.raises(ValueError, match="the free allowance holds since"):
            load(less)
    assert Price.objects.get().free_quantity == 20


def test_a_file_with_faults_is_not_loaded(load):
    with pytest.raises(ValueError, match="no exact price per second"):
        load(OLD.replace("0.0036", "0.01"))
    assert not Price.objects.exists()


def test_a_dry_look_writes_nothing(load):
    assert load(OLD, write=False) == Loaded(added=1)
    assert not Price.objects.exists()


def test_the_standard_price_wins_over_a_dynamic_one(load):
    dynamic = '[[price]]\nclass = "a.b"\ncategory = "dynamic"\nvcpu = "0.0018"\n'
    load(dynamic)
    assert rate() == "0.0018"
    with pytest.raises(ValueError, match="would change what was charged"):
        load(dynamic + OLD)
    Price.objects.all().delete()
    load(dynamic + OLD)
    assert rate() == "0.0036"


def test_a_reserved_price_is_no_price_for_everybody(load):
    load('[[price]]\nclass = "a.b"\ncategory = "committed"\nvcpu = "0.0018"\n')
    assert rate() is None


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_what_it_did(tmp_path, load):
    (tmp_path / "some.toml").write_text(HEAD + OLD)
    out = StringIO()
    call_command("load_prices", directory=tmp_path, stdout=out)
    assert out.getvalue() == (
        "Prices: 1 added, 0 changed, 0 withdrawn, 0 as they were. "
        "Factors of spare capacity: 0 added.\n"
    )
    call_command("load_prices", directory=tmp_path, check=True, stdout=out)
    (tmp_path / "some.toml").write_text(HEAD + OLD.replace("0.0036", "0.0072"))
    with pytest.raises(CommandError, match=r"were not loaded\. a\.b/vcpu: this price"):
        call_command("load_prices", directory=tmp_path, stdout=out)


def test_the_command_checks_without_writing(tmp_path):
    (tmp_path / "some.toml").write_text(HEAD + OLD)
    with pytest.raises(CommandError, match=r"Run manage\.py load_prices"):
        call_command("load_prices", directory=tmp_path, check=True, stdout=StringIO())
    assert not Price.objects.exists()


def test_what_is_read_is_kept_for_a_while_and_loading_forgets_it(
    load, django_assert_num_queries, monkeypatch
):
    load(OLD)
    with django_assert_num_queries(1):
        assert [rate(), rate(), rate()] == ["0.0036"] * 3
    Price.objects.filter(price_class="a.b").update(valid_to=NOW - timedelta(days=1))
    assert rate() == "0.0036"
    queries.forget_prices()
    assert rate() is None
