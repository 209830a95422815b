"""What we show beside the signature: basic or bearer, and nothing that could smuggle."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from closebell.domain.authorization import AuthorizationDraft, check_authorization, secrets_in
from closebell.domain.sealed import AuthorizationScheme
from closebell.errors import InvalidInput


def test_basic_is_user_and_password_in_base64() -> None:
    made = check_authorization(AuthorizationDraft(type="basic", username="till 7", password="a:b c"))
    assert (made.scheme, made.username) == (AuthorizationScheme.BASIC, "till 7")
    assert made.value == "Basic " + base64.b64encode(b"till 7:a:b c").decode()
    assert secrets_in(made.value) == (made.value.removeprefix("Basic "), "a:b c")


def test_bearer_is_the_token() -> None:
    made = check_authorization(AuthorizationDraft(type="bearer", token="eyJ.x-y_z~/+=="))
    assert (made.scheme, made.username, made.value) == (AuthorizationScheme.BEARER, "", "Bearer eyJ.x-y_z~/+==")
    assert secrets_in(made.value) == ("eyJ.x-y_z~/+==",)


def test_none_is_nothing() -> None:
    made = check_authorization(AuthorizationDraft(type="none"))
    assert (made.scheme, made.value) == (AuthorizationScheme.NONE, "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "digest"}, "type"),
        ({"type": ""}, "type"),
        ({"type": "none", "token": "hunter2"}, "token"),
        ({"type": "basic"}, "username"),
        ({"type": "basic", "username": "till"}, "password"),
        ({"type": "basic", "username": "", "password": "hunter2"}, "username"),
        ({"type": "basic", "username": "ti:ll", "password": "hunter2"}, "username"),
        ({"type": "basic", "username": " till", "password": "hunter2"}, "username"),
        ({"type": "basic", "username": "till\r\nx-evil: 1", "password": "hunter2"}, "username"),
        ({"type": "basic", "username": "t" * 256, "password": "hunter2"}, "username"),
        ({"type": "basic", "username": "till", "password": "hunter2\r\nx-evil: 1"}, "password"),
        ({"type": "basic", "username": "till", "password": "hunter2\x00"}, "password"),
        ({"type": "basic", "username": "till", "password": "h\u00fcnter2"}, "password"),
        ({"type": "basic", "username": "till", "password": "h" * 1025}, "password"),
        ({"type": "basic", "username": "till", "password": "****"}, "password"),
        ({"type": "basic", "username": "till", "password": "hunter2", "token": "hunter2"}, "token"),
        ({"type": "bearer"}, "token"),
        ({"type": "bearer", "token": ""}, "token"),
        ({"type": "bearer", "token": "hun ter2"}, "token"),
        ({"type": "bearer", "token": "hunter2\n"}, "token"),
        ({"type": "bearer", "token": "h" * 4097}, "token"),
        ({"type": "bearer", "token": "****"}, "token"),
        ({"type": "bearer", "token": "hunter2", "username": "till"}, "username"),
        ({"type": "bearer", "token": "hunter2", "password": "hunter2"}, "password"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_not_repeated(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_authorization(AuthorizationDraft(**fields))
    assert refused.value.field == f"authorization.{field}"
    assert "hunter2" not in str(refused.value)


def test_nothing_secret_shows() -> None:
    draft = AuthorizationDraft(type="basic", username="till", password="hunter2", token="hunter2")
    made = check_authorization(AuthorizationDraft(type="bearer", token="hunter2"))
    assert "hunter2" not in repr(draft)
    assert "hunter2" not in repr(made)
