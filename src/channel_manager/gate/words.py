"""The gate page's words, in the languages that the guest's page has."""

from functools import cache

from babel import Locale

from channel_manager.catalogues import languages, text_in


@cache
def page_words(language: str) -> dict[str, str]:
    """Every word of the page by its name there; `%(count)s` is left for the page to fill in."""
    text = text_in(language)
    return {
        "gate": text("Gate"),
        "intro": text("Set this device up once; the key is forgotten when the tab is closed."),
        "tenant": text("Tenant"),
        "environment": text("Environment"),
        "company": text("Company"),
        "admission": text("Admission"),
        "any": text("any"),
        "scanner": text("This scanner's name"),
        "key": text("Key"),
        "start": text("Start"),
        "scan": text("Scan"),
        "ready": text("Ready"),
        "prompt": text("Scan a code, or type it and press Enter."),
        "code": text("Code"),
        "admit": text("Admit"),
        "today": text("Admitted today"),
        "use_camera": text("Use the camera"),
        "stop_camera": text("Stop the camera"),
        "change": text("Change the set-up"),
        "camera": text("Camera"),
        "hold": text("Hold the code in front of the camera."),
        "no_camera": text("The camera can't be used; allow it in the browser's settings."),
        "language": text("Language"),
        "go": text("Go"),
        "go_many": text("Go: %(count)s"),
        "stop": text("Stop"),
        "no_line": text("No line"),
        "kept": text("The scan is kept, and sent when the line is back. Decide by eye."),
        "waiting": text("Scans waiting for the line: %(count)s"),
    }


@cache
def choices() -> tuple[tuple[str, str], ...]:
    """The languages to choose from: code, and its own name for itself; by name."""
    named = ((code, Locale(code).get_display_name(code) or code) for code in languages())
    return tuple(sorted(named, key=lambda choice: choice[1].casefold()))
