"""What the documentation shows of keys, users and tokens."""

from __future__ import annotations

from typing import Any, Final

from closebell.api.examples.sample import CENTER_ID, EMPLOYEE_ID, KEY_ID, USER_ID

Document = dict[str, Any]

KEY: Final[Document] = {
    "id": KEY_ID,
    "name": "till",
    "hint": "4f0c1d",
    "role": "cashier",
    "center_ids": [CENTER_ID],
    "created_at": "2022-03-11T14:00:00Z",
    "revoked_at": None,
}
KEY_REQUEST: Final[Document] = {"name": "till", "role": "cashier", "center_ids": [CENTER_ID]}
USER: Final[Document] = {
    "id": USER_ID,
    "user_name": "front.desk@example.com",
    "role": "cashier",
    "center_ids": [CENTER_ID],
    "employee_id": EMPLOYEE_ID,
    "created_at": "2022-03-11T14:00:00Z",
    "disabled_at": None,
}
USER_REQUEST: Final[Document] = {
    "user_name": "front.desk@example.com",
    "password": "correct horse battery staple",
    "role": "cashier",
    "center_ids": [CENTER_ID],
    "employee_id": EMPLOYEE_ID,
}
SIGN_IN: Final[Document] = {
    "account_name": "bellevue",
    "user_name": "front.desk@example.com",
    "password": "correct horse battery staple",
    "grant_type": "password",
    "app_id": "till",
    "app_secret": "",
    "device_id": "",
}
_ACCESS_TOKEN: Final = "9c1e" + "0" * 60
_REFRESH_TOKEN: Final = "e57a" + "0" * 60
SIGNED_IN: Final[Document] = {
    "credentials": {
        "access_token": _ACCESS_TOKEN,
        "access_token_expiry": "2022-03-12T14:00:00",
        "refresh_token": _REFRESH_TOKEN,
        "refresh_token_expiry": "2022-06-09T14:00:00",
        "token_type": "bearer",
        "token_id": "71c5f0d2-4f0b-4a4e-9d0c-3a1c2b6e8f90",
        "app_id": "till",
        "user_type": "Employee",
    },
    "error": None,
}
FORM: Final[Document] = {
    "username": "front.desk@example.com",
    "password": "correct horse battery staple",
    "clientid": "till",
    "grant_type": "password",
}
FLAT: Final[Document] = {
    "access_token": _ACCESS_TOKEN,
    "token_type": "bearer",
    "expires_in": 86_400,
    "refresh_token": _REFRESH_TOKEN,
}
