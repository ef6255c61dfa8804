"""A whole file in memory: what tests look into is small."""

import io

from billing.focus.writing import write


def as_bytes(dataset, version, scope, form):
    out, spool = io.BytesIO(), io.BytesIO()
    write(dataset, version, scope, form, out, spool)
    return out.getvalue()
