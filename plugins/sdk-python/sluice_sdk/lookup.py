"""What HTTP servers answer, asked by the gate on the rule's behalf. It asks for URLs below the prefixes that the policy
grants the rule: `grants = { lookup = { prefixes = ["https://proposals.example.org/api/"] } }`. Validators only.

    from sluice_sdk import lookup

    answer = lookup.get(f"https://proposals.example.org/api/{bundle.project}")
    if answer.status == 404:
        report.error("unknown-proposal", f"There is no proposal {bundle.project}.")
"""

import json
from dataclasses import dataclass
from typing import Any, Callable, Optional

from .failure import BadConfig, Unavailable

# Set by the component, or by testing; without it, nothing is granted.
source: Optional[Callable[[str], "Response"]] = None


class Denied(BadConfig):
    """The gate did not ask: the rule is not granted the URL, or not what it leads to."""


class TimedOut(Unavailable):
    """No whole answer came in time."""


class TooLarge(Exception):
    """The answer is larger than the grant allows."""


@dataclass(frozen=True)
class Response:
    """An answer, of whatever status."""

    status: int
    content_type: Optional[str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of the 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The contents as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The contents as JSON. What is none is `Unavailable`: the server did not say what the rule depends on."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unavailable(f"an answer cannot be read: {error}") from None


def get(url: str) -> Response:
    """Asks for a URL, and waits. The same URL has the same answer throughout a job. A server that does not answer is
    `Unavailable`; a status of 404 or 500 is an answer."""
    if source is None:
        raise Denied("the rule is granted no lookups; add grants.lookup to the policy")
    return source(url)
