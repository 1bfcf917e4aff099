"""Places that hold a password: refused where a table is named, masked where a text is shown."""

import re

__all__ = ["holds_credentials", "masked"]

_STORES = re.compile(r"(?:s3[an]?|gs|abfss?|wasbs?|adl|oss|cosn)$", re.IGNORECASE)  # without ports
_SECRET_NAMES = "secret|passw|pwd|token|credential|key|sig(?:nature)?"
_IN_QUERY = re.compile(rf"[?&;][^=?&;]*(?:{_SECRET_NAMES})[^=?&;]*=", re.IGNORECASE)
_MASKS = (
    re.compile(r"(/+[^/:\s]*:)\S*(?=@)"),
    re.compile(rf"([?&;][^=?&;\s]*(?:{_SECRET_NAMES})[^=?&;\s]*=)[^&;\s'\"]*", re.IGNORECASE),
)


def holds_credentials(place: str) -> bool:
    """Say whether a URI holds `user:password@`, or a query with what looks like a secret.

    A password may hold slashes; what is all digits up to one is a port, where there are ports.
    """
    scheme, colon, rest = place.partition(":/")
    if not colon:
        scheme, rest = "", place if place.startswith("//") else ""
    if scheme == "file" or not rest:
        return False
    before, _, _ = rest.lstrip("/").rpartition("@")
    user, colon, password = before.partition(":")
    is_port = re.match(r"\d+/", password) and not _STORES.search(scheme)
    return bool(colon and "/" not in user and not is_port) or bool(_IN_QUERY.search(rest))


def masked(text: str) -> str:
    """Put stars in the place of passwords in URIs."""
    for mask in _MASKS:
        text = mask.sub(r"\1*****", text)
    return text
