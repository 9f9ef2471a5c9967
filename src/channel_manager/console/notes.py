"""What a page says after something was done. An address names them, so that none can be made up."""


def _(message: str) -> str:
    # Marks a message for the catalogues; the template says it in the page's language.
    return message


NOTES: dict[str, str] = {
    "signed-out": _("You are signed out."),
    "password": _("Your password is changed. Other browsers are signed out."),
    "slots-changed": _("The time slots are changed."),
    "person-added": _("The person may sign in now."),
    "person-changed": _("The role is changed."),
    "person-removed": _("The person may no longer look at this company."),
}
