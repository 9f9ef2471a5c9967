"""What the documents name exists."""

import re
from pathlib import Path

from channel_manager.settings import Settings

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(test_\w+\.py)(?:::(\w+))?`")


def test_each_test_that_the_documents_name_exists():
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [
        f"{path.relative_to(ROOT)}: {file}{'::' + name if name else ''}"
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for file, name in NAMED.findall(path.read_text("utf-8"))
        if file not in texts or (name and f"def {name}(" not in texts[file])
    ]
    assert missing == []
    assert NAMED.search((ROOT / "docs/explanation/threat-model.md").read_text("utf-8"))


def test_each_setting_is_in_the_reference():
    reference = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    missing = [
        name
        for name in Settings.model_fields
        if f"`CHANNEL_MANAGER_{name.upper()}`" not in reference
    ]
    assert missing == []
