"""An endpoint that was deactivated, and the mail that told of it."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.sample import DELIVERY_ID, Document

_DETAIL: Final = "books.example.com:443 answered 502."

FAILURE_LOG: Final[Document] = {
    "failures": [
        {
            "id": "9d3c7b14-52f0-4a86-8a1e-6f0b2c4d7e95",
            "at": "2022-03-11T14:40:12.104200Z",
            "failing_since": "2022-03-11T14:22:43.432915Z",
            "consecutive_failures": 20,
            "delivery_id": DELIVERY_ID,
            "status": 502,
            "fault": "http_status",
            "detail": _DETAIL,
            "mail": {
                "state": "sent",
                "attempts": 1,
                "due_at": None,
                "sent_at": "2022-03-11T14:40:13.250000Z",
                "error": "",
            },
        }
    ],
    "recent_attempts": [
        {
            "delivery_id": DELIVERY_ID,
            "number": 3,
            "started_at": "2022-03-11T14:40:12.055000Z",
            "duration_us": 46915,
            "status": 502,
            "fault": "http_status",
            "detail": _DETAIL,
            "response_excerpt": "<html><title>502 Bad Gateway</title></html>",
        }
    ],
    "page_info": {"total": 1, "page": 1, "size": 10},
    "error": None,
}
