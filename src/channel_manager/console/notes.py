"""What a page says after something was done. An address names them, so that none can be made up."""


def _(message: str) -> str:
    # Marks a message for the catalogues; the template says it in the page's language.
    return message


NOTES: dict[str, str] = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed. Other browsers are signed out."),
    "person-added": _("The person may sign in now."),
    "person-changed": _("The role is changed."),
    "upload-queued": _("A worker imports it now."),
    "upload-discarded": _("The file is discarded; nothing was changed."),
    "upload-checked": _("It is compared with the venue as it is now."),
    "person-removed": _("The person may no longer look at this company."),
}
