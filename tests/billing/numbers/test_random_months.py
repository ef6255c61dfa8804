"""Random months of random organisations at random prices, reckoned a second time with exact
fractions: not a cent of difference.

    POLDER_MONTHS=10000 python -m pytest tests/billing/numbers/test_random_months.py -m numbers -s
"""

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db.models import Sum

from billing.einvoice.document import rounded
from billing.models import CostLine, TagSet, UsageRecord
from billing.pricebook.meters import base_units
from billing.rating import months as rating
from services.instances.models import Instance
from tests.billing.numbers.made import MONTH, asked, make_cloud
from tests.billing.rating.test_months import SECONDS, price, random_price, reckoned

pytestmark = [pytest.mark.numbers, pytest.mark.django_db]
MONTHS = asked("POLDER_MONTHS", 60)
PRICES = 40


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_no_month_differs_by_a_cent(seed):
    rng = random.Random(seed)  # repeatable on purpose
    prices = [random_price(rng, number) for number in range(PRICES)]
    for found in prices:
        price(**found)
    cloud = make_cloud(organisations=MONTHS, instances=MONTHS * 2)
    tags, _ = TagSet.objects.get_or_create(digest="0" * 64)
    of = defaultdict(list)
    for key, project, owner, offering, region in Instance.objects.values_list(
        "pk", "project_id", "project__organisation_id", "offering", "region__code"
    ).order_by("pk"):
        of[owner].append((key, project, offering, region))
    records = defaultdict(list)
    for owner in cloud.organisations:
        for found in rng.sample(prices, 3):
            size = base_units(found["unit"], SECONDS)
            for day in sorted(rng.sample(range(1, 32), 4)):
                for key, project, offering, region in of[owner]:
                    quantity = (size * rng.randrange(1, 20_000) / 1000).quantize(Decimal("1E-9"))
                    made = UsageRecord(
                        organisation_id=owner,
                        project_id=project,
                        instance_id=key,
                        tag_set=tags,
                        offering=offering,
                        region=region,
                        price_class=found["price_class"],
                        meter="requests",
                        allowance=rng.choice(("", "dev")),
                        day=MONTH.replace(day=day),
                        quantity=quantity,
                        consumed=quantity,
                    )
                    records[owner, found["price_class"]].append(made)
    UsageRecord.objects.bulk_create([r for rows in records.values() for r in rows], 5000)
    rating.rate(MONTH)
    billed = dict.fromkeys(records, Decimal(0))
    sums = CostLine.objects.values_list("organisation", "price_class").annotate(Sum("billed_cost"))
    billed |= {(owner, name): cost for owner, name, cost in sums.order_by()}
    by_class = {found["price_class"]: found for found in prices}
    worst = Fraction(0)
    for (owner, name), rows in records.items():
        exact = reckoned(rows, by_class[name])
        worst = max(worst, abs(Fraction(billed[owner, name]) - exact))
        cents = rounded(billed[owner, name])
        assert abs(Fraction(cents) - exact) <= Fraction(1, 200), (owner, name)
    print(f"\nseed {seed}: {MONTHS:,} organisation-months, {len(records):,} sums, worst {worst!s}")
    assert worst < Fraction(1, 10**15)
