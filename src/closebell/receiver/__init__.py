"""What a consuming application imports: verify, parse, drop repeats, heal gaps.

It needs nothing beyond the standard library, save for public keys (`whpk_`), which need `cryptography`. The whole
story, with examples that run, is `docs/webhooks.md`.
"""

from closebell.domain.signature import (
    Secret,
    SignatureMalformed,
    SignatureMismatch,
    SignatureMissing,
    SignatureRefused,
    SignatureStale,
    SignatureStyle,
)
from closebell.receiver.event import Event, EventMalformed, stored_body
from closebell.receiver.feed import (
    ChainBroken,
    Feed,
    FeedEvent,
    FeedMalformed,
    FeedUnavailable,
    verify_chain,
    verify_redactions,
)
from closebell.receiver.healing import heal
from closebell.receiver.inbox import Inbox, InboxOutsideTransaction, MemoryInbox, SqliteInbox
from closebell.receiver.receiver import Receiver, verify

__all__ = [
    "ChainBroken",
    "Event",
    "EventMalformed",
    "Feed",
    "FeedEvent",
    "FeedMalformed",
    "FeedUnavailable",
    "Inbox",
    "InboxOutsideTransaction",
    "MemoryInbox",
    "Receiver",
    "Secret",
    "SignatureMalformed",
    "SignatureMismatch",
    "SignatureMissing",
    "SignatureRefused",
    "SignatureStale",
    "SignatureStyle",
    "SqliteInbox",
    "heal",
    "stored_body",
    "verify",
    "verify_chain",
    "verify_redactions",
]
