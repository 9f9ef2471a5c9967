"""What a page says after something was done. An address names them, so that none can be made up."""


def _(message: str) -> str:
    # Marks a message for the catalogues; the template says it in the page's language.
    return message


NOTES: dict[str, str] = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed. Other browsers are signed out."),
    "slots-changed": _("The time slots are changed."),
    "key-revoked": _("The key is revoked."),
    "partner-changed": _("The partner is changed."),
    "replayed": _("It is on its way again."),
    "nothing-to-replay": _("Nothing has failed since then."),
    "webhook-paused": _("Nothing more is sent until it is resumed."),
    "webhook-resumed": _("It is sent to again."),
    "webhook-deleted": _("The subscription is deleted."),
    "pinged": _("A test event is on its way."),
    "reprocessed": _("The order is submitted again."),
    "confirmed": _("The order is confirmed."),
    "cancelled": _("The order is cancelled."),
    "nobody-listens": _("It was for no receiver that there still is."),
    "person-added": _("The person may sign in now."),
    "person-changed": _("The role is changed."),
    "upload-queued": _("A worker imports it now."),
    "upload-discarded": _("The file is discarded; nothing was changed."),
    "upload-checked": _("It is compared with the venue as it is now."),
    "person-removed": _("The person may no longer look at this company."),
}
