"""What a page says after something was done. An address names them, so that none can be made up."""


def _(message: str) -> str:
    # Marks a message for the catalogues; the template says it in the page's language.
    return message


NOTES: dict[str, str] = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed. Other browsers are signed out."),
    "person-added": _("The person may sign in now."),
    "person-changed": _("The role is changed."),
    "person-removed": _("The person may no longer look at this company."),
    "confirmed": _("The order is confirmed."),
    "cancelled": _("The order is cancelled."),
    "removed": _("The order is removed."),
    "reprocess": _("The order is submitted again."),
    "replayed": _("The event is sent again."),
    "slots-changed": _("The time slots are changed."),
    "key-revoked": _("The key is revoked."),
    "paused": _("The subscription is paused."),
    "resumed": _("The subscription is active again."),
    "subscribed": _("The subscription is made."),
    "unsubscribed": _("The subscription is removed."),
    "partner-changed": _("The partner is changed."),
    "tested": _("A test event is on its way."),
    "discarded": _("The file is put aside; nothing was changed."),
}
