"""An address that is not listed fails: say first who may use it, in `tests/portal/doors/`."""

from tests.portal.addresses import EXEMPT, EXEMPT_STARTS, names
from tests.portal.doors import doors


def test_every_address_is_listed():
    listed = {door.name for door in doors()} | set(EXEMPT)
    unlisted = {n for n in names() if n not in listed and not n.startswith(EXEMPT_STARTS)}
    assert unlisted == set(), "say in tests/portal/doors/ who may use it"
    assert listed <= set(names()), "listed, but no such address"
