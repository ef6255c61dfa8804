"""How far counters of servers went since the last look."""

from decimal import Decimal

from billing.usage.growth import growth
from services.spec import Counted


def at(value, name="messages/1.7/"):
    return Counted("messages", Decimal(value), counter=name)


def went(stood, *counted, young=False):
    used, stands = growth(stood, counted, from_beginning=young)
    return [int(one.quantity) for one in used], stands


def test_growth_counts_and_nothing_else():
    name = "messages/1.7/"
    assert went({name: 10}, at(17)) == ([7], {name: 17})
    assert went({name: 17}, at(17)) == ([0], {name: 17})


def test_the_first_reading_counts_for_a_young_service_alone():
    name = "messages/1.7/"
    assert went(None, at(12)) == ([0], {name: 12})
    assert went(None, at(12), young=True) == ([12], {name: 12})


def test_a_counter_that_fell_began_anew():
    name = "messages/1.7/"
    assert went({name: 10}, at(3)) == ([3], {name: 3})


def test_another_run_begins_at_nothing_though_it_went_further():
    old, new = "messages/1.7/", "messages/2.9/"
    assert went({old: 10}, at(25, new)) == ([25], {new: 25})


def test_each_counter_of_a_meter_counts_for_itself():
    a, b, c = "messages//a", "messages//b", "messages//c"
    used, stands = went({a: 5, b: 5}, at(6, a), at(2, b), at(9, c))
    assert (used, stands) == ([1, 2, 9], {a: 6, b: 2, c: 9})


def test_who_does_not_run_keeps_where_it_stood():
    assert went({"messages/1.7/": 10}) == ([], {"messages/1.7/": 10})
    assert went(None, young=True) == ([], None)


def test_what_is_no_counter_of_a_server_stays():
    used, stands = growth(None, [Counted("egress", Decimal("0.5"))], from_beginning=False)
    assert (used, stands) == ([Counted("egress", Decimal("0.5"))], None)
