# SPDX-License-Identifier: Apache-2.0
"""Text for the pages that tests write."""

_kLongest = 72


def cell(value, longest=_kLongest):
    """One cell of a table."""
    text = " ".join(value.split()) if value.strip() else "(empty)"
    if len(text) > longest:
        text = text[:longest - 1] + "…"
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
