"""What people read about acts: verbs and faults of the trail in words. The codes are public."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_VERBS = {
    "instance.create": gettext_noop("ordered a service"),
    "instance.update": gettext_noop("changed a service"),
    "instance.upgrade": gettext_noop("upgraded a service"),
    "instance.edit": gettext_noop("changed name, tags or protection of a service"),
    "instance.pause": gettext_noop("paused a service"),
    "instance.resume": gettext_noop("resumed a service"),
    "instance.rotate": gettext_noop("changed the password of a service"),
    "instance.delete": gettext_noop("deleted a service"),
    "instance.undelete": gettext_noop("brought a service back"),
    "instance.purge": gettext_noop("destroyed a service"),
    "instance.backup": gettext_noop("backed up a service"),
    "instance.restore": gettext_noop("restored a service"),
    "instance.repair": gettext_noop("repaired a service"),
    "region.spare": gettext_noop("set how much spare capacity of a region may be used"),
    "spot_factor.set": gettext_noop("set what spare capacity costs"),
    "operation.cancel": gettext_noop("cancelled an operation"),
    "operation.succeeded": gettext_noop("finished an operation"),
    "operation.failed": gettext_noop("gave up an operation that failed"),
    "operation.cancelled": gettext_noop("ended a cancelled operation"),
    "credential.reveal": gettext_noop("looked at a password"),
    "member.add": gettext_noop("added a member"),
    "member.change": gettext_noop("changed a member"),
    "member.remove": gettext_noop("removed a member"),
    "invitation.create": gettext_noop("invited somebody"),
    "invitation.resend": gettext_noop("sent an invitation again"),
    "invitation.withdraw": gettext_noop("withdrew an invitation"),
    "invitation.accept": gettext_noop("accepted an invitation"),
    "token.create": gettext_noop("made a token"),
    "token.revoke": gettext_noop("revoked a token"),
    "service_account.create": gettext_noop("made a service account"),
    "service_account.disable": gettext_noop("disabled a service account"),
    "organisation.create": gettext_noop("created the organisation"),
    "organisation.update": gettext_noop("changed the organisation"),
    "organisation.archive": gettext_noop("archived the organisation"),
    "organisation.unarchive": gettext_noop("brought the organisation back"),
    "organisation.require_mfa": gettext_noop("changed whether a second factor is needed"),
    "organisation.suspend": gettext_noop("suspended the organisation"),
    "organisation.lift_suspension": gettext_noop("lifted the suspension"),
    "meter_key.create": gettext_noop("made a key for a meter"),
    "meter_key.revoke": gettext_noop("revoked the key of a meter"),
    "prober_key.create": gettext_noop("made a key for a region's prober"),
    "prober_key.revoke": gettext_noop("revoked the key of a region's prober"),
    "usage_conflict.settle": gettext_noop("settled an event in quarantine"),
    "budget.create": gettext_noop("made a budget"),
    "budget.update": gettext_noop("changed a budget"),
    "budget.delete": gettext_noop("deleted a budget"),
    "order.ask": gettext_noop("asked for approval of an order"),
    "order.approve": gettext_noop("approved an order"),
    "order.refuse": gettext_noop("refused an order"),
    "billing_identity.update": gettext_noop("changed the billing details"),
    "billing_identity.approve_vat_id": gettext_noop("approved the VAT id, for the provider"),
    "billing_identity.withdraw_vat_id": gettext_noop(
        "no longer accepts the VAT id, for the provider"
    ),
    "billing_identity.confirm_vat_id": gettext_noop("confirmed the VAT id, for the provider"),
    "billing_identity.reject_vat_id": gettext_noop(
        "found the VAT id not registered, for the provider"
    ),
    "billing_identity.keep_proof": gettext_noop("added a proof of where the organisation is"),
    "billing_identity.drop_proof": gettext_noop("took away a proof of where the organisation is"),
    "price_effect.begin": gettext_noop("asked what a change of prices does"),
    "region_cost.enter": gettext_noop("entered what a region cost"),
    "invoice_run.begin": gettext_noop("began an invoice run"),
    "invoice_run.end": gettext_noop("ended an invoice run"),
    "invoice.issue": gettext_noop("issued an invoice"),
    "invoice.credit": gettext_noop("credited an invoice, wholly or in part"),
    "invoice.remind": gettext_noop("reminded of an invoice"),
    "invoice.warn": gettext_noop("warned that the organisation will be suspended"),
    "invoice.hold": gettext_noop("held an invoice"),
    "invoice.end_hold": gettext_noop("ended the hold of an invoice"),
    "payment.record": gettext_noop("wrote down a payment"),
    "payment.reverse": gettext_noop("reversed a payment"),
    "payment.refund": gettext_noop("wrote down a payment that went back"),
    "statement.import": gettext_noop("took in a bank's statement"),
    "statement.set_aside": gettext_noop("set a bank's receipt aside"),
    "voucher.create": gettext_noop("made a voucher"),
    "voucher.withdraw": gettext_noop("withdrew a voucher"),
    "voucher.redeem": gettext_noop("redeemed a voucher"),
    "credit.carry": gettext_noop("carried over what corrections give back"),
    "commitment.purchase": gettext_noop("reserved capacity"),
    "commitment.renew": gettext_noop("renewed reserved capacity"),
    "advice.apply": gettext_noop("followed advice on costs"),
    "advice.dismiss": gettext_noop("put advice on costs away"),
    "project.create": gettext_noop("created a project"),
    "project.update": gettext_noop("changed a project"),
    "project.archive": gettext_noop("archived a project"),
    "project.unarchive": gettext_noop("brought a project back"),
    "quota.request": gettext_noop("asked for more quota"),
    "quota.withdraw": gettext_noop("withdrew a request for quota"),
    "quota.approve": gettext_noop("granted more quota"),
    "quota.refuse": gettext_noop("refused more quota"),
    "quota.set": gettext_noop("set a quota"),
    "cost_export.save": gettext_noop("said where files of costs go"),
    "cost_export.try": gettext_noop("tried the bucket for files of costs"),
    "cost_export.remove": gettext_noop("ended the sending of files of costs"),
    "webhook.create": gettext_noop("made a webhook"),
    "webhook.update": gettext_noop("changed a webhook"),
    "webhook.renew_secret": gettext_noop("made a new secret for a webhook"),
    "webhook.ping": gettext_noop("tried a webhook"),
    "webhook.replay": gettext_noop("sent an event again"),
    "webhook.disable": gettext_noop("switched a failing webhook off"),
    "webhook.delete": gettext_noop("deleted a webhook"),
    "audit.export": gettext_noop("took the audit log away"),
    "audit.erase": gettext_noop("erased a person's name"),
    "impersonation.start": gettext_noop("began to look as a member, for the provider"),
    "impersonation.allow_changes": gettext_noop("began to act as a member, for the provider"),
    "impersonation.end": gettext_noop("stopped looking as a member, for the provider"),
    "staff.view": gettext_noop("looked at the organisation, for the provider"),
    "staff.impersonate": gettext_noop("began to look as a member, for the provider"),
    "staff.allow_changes": gettext_noop("was allowed to change things as a member"),
    "staff.end_impersonation": gettext_noop("ended looking as a member"),
}

# The start of a verb → what the filter calls it, and its icon.
_NOUNS = {
    "credential.": (gettext_noop("Looks at passwords"), "eye"),
    "instance.": (gettext_noop("Services"), "layers"),
    "operation.": (gettext_noop("Operations"), "activity"),
    "member.": (gettext_noop("Members"), "users"),
    "invitation.": (gettext_noop("Invitations"), "mail"),
    "token.": (gettext_noop("Tokens"), "key-round"),
    "service_account.": (gettext_noop("Service accounts"), "key-round"),
    "organisation.": (gettext_noop("The organisation"), "building-2"),
    "budget.": (gettext_noop("Budgets"), "gauge"),
    "order.": (gettext_noop("Orders"), "receipt-euro"),
    "billing_identity.": (gettext_noop("Billing details"), "receipt-euro"),
    "invoice.": (gettext_noop("Invoices"), "receipt-euro"),
    "payment.": (gettext_noop("Payments"), "wallet"),
    "statement.": (gettext_noop("Payments"), "wallet"),
    "advice.": (gettext_noop("Advice on costs"), "lightbulb"),
    "project.": (gettext_noop("Projects"), "boxes"),
    "quota.": (gettext_noop("Quotas"), "gauge"),
    "cost_export.": (gettext_noop("Exports of costs"), "download"),
    "webhook.": (gettext_noop("Webhooks"), "globe"),
    "impersonation.": (gettext_noop("The provider as a member"), "user"),
    "staff.": (gettext_noop("The provider's staff"), "shield"),
    "audit.": (gettext_noop("The audit log itself"), "scroll-text"),
}

_FAULTS = {
    "missing": gettext_noop("An event before it is missing."),
    "unlinked": gettext_noop("It does not follow the event before it."),
    "changed": gettext_noop("A field of it was changed."),
    "person": gettext_noop("The name or the address in it was changed."),
}


def verb_text(verb: str) -> str:
    """As it follows the name of who did it; a verb without words is shown as it is."""
    return _(_VERBS[verb]) if verb in _VERBS else verb


def icon_of(verb: str) -> str:
    return _NOUNS.get(f"{verb.partition('.')[0]}.", ("", "scroll-text"))[1]


def choices(chosen: str) -> list[tuple[str, str]]:
    """What the filter offers; a single verb that was asked for is among it."""
    found = [(start, _(label)) for start, (label, _icon) in _NOUNS.items()]
    if chosen and chosen not in _NOUNS:
        found.insert(0, (chosen, verb_text(chosen)))
    return found


def fault_text(code: str) -> str:
    return _(_FAULTS.get(code, code))
