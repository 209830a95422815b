"""Keys, users, tokens and health."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "keys": "Every key there ever was, oldest first.",
    "hint": "How the key begins.",
    "key": "The key itself, shown here and never again.",
    "revoked_at": "Since when it is worthless, in UTC; null while it is good.",
    "is_revoked": "True: it is worthless.",
    "users": "Every user there ever was, by name.",
    "UserDocument.user_name": "Name to sign in with, in lower case.",
    "UserRequest.user_name": "Name to sign in with; kept in lower case.",
    "UserDocument.employee_id": "GUID of the employee they are, or null.",
    "UserRequest.employee_id": "GUID of the employee they are, or null.",
    "disabled_at": "Since when they cannot sign in, in UTC; null while they can.",
    "password": "The password.",
    "grant_type": "`password` or `refresh_token`.",
    "refresh_token": "The token that gets the next pair, once.",
    "app_id": "Name of the application that signs in; kept with the tokens.",
    "app_secret": "Taken and of no account.",
    "account_name": "Taken and of no account.",
    "device_id": "Taken and of no account.",
    "credentials": "The tokens, shown here and never again.",
    "access_token": "What to send as `Authorization: bearer <token>`.",
    "access_token_expiry": "Until when it is good: UTC, without a zone.",
    "refresh_token_expiry": "Until when it is good: UTC, without a zone.",
    "token_type": "`bearer`.",
    "Credentials.token_id": "GUID of the pair of tokens.",
    "user_type": "`Employee` always.",
    "expires_in": "Seconds for which the access token is good.",
    "HealthAnswer.status": "`ok`.",
}
