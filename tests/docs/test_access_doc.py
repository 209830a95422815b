"""docs/access.md says of roles, limits and times what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from closebell.api import kept_answers, sign_in_desk
from closebell.api.access import KNOWN_FOR_S
from closebell.api.catalogue import OPERATIONS
from closebell.domain.caller import Role
from closebell.store import passwords
from closebell.store.kept_answers import KEPT_FOR
from closebell.usecase import manage_keys, manage_users, sign_in

PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())
GUARDED = [op.doc for op in OPERATIONS if not op.doc.is_open]


def test_every_role_has_a_row_and_no_other() -> None:
    assert re.findall(r"^\| `(\w+)` \| (?:and )?\w", PAGE, re.MULTILINE) == [str(role) for role in Role]


def test_what_is_about_every_centre_is_named() -> None:
    wholes = [f"/v1/{name}" for name in re.findall(r"`/v1/(\w+)`", PAGE)]
    assert wholes == ["/v1/keys", "/v1/users", "/v1/webhook_endpoints"]
    for doc in GUARDED:
        is_named = f"`{doc.method} {doc.path}`" in PAGE.partition("## Centres")[2].partition("## Rate limit")[0]
        is_in_whole = any(doc.path.startswith(whole) for whole in wholes)
        assert doc.needs_every_center == (is_named or is_in_whole), f"{doc.method} {doc.path}"


def test_what_only_admins_may_is_what_the_page_says() -> None:
    found = {doc.path.split("/")[2] for doc in GUARDED if doc.needed_role is Role.ADMIN}
    assert found == {"deliveries", "guests", "import", "keys", "users", "webhook_endpoints"}


def test_what_shows_secrets_is_named() -> None:
    secrets = PAGE.partition("**Secrets.**")[2]
    shown = {f"{op.doc.method} {op.doc.path}" for op in OPERATIONS if op.doc.shows_secret}
    assert set(re.findall(r"`(POST \S+)`", secrets)) == shown


def test_the_numbers_are_those_of_the_code() -> None:
    users, desk, limits = manage_users, sign_in_desk, kept_answers
    for told in (
        f"Up to {manage_keys.KEYS_MAX:,} keys",
        f"within {KNOWN_FOR_S:.0f} seconds by others",
        f"at least {users.PASSWORD_CHARACTERS_MIN} characters and at most {users.PASSWORD_BYTES_MAX:,} bytes",
        f"argon2id ({passwords.MEMORY_KIB // 1024} MiB, {passwords.PASSES} passes, {passwords.LANES} lane,",
        f"a salt of {passwords.SALT_BYTES} bytes)",
        f"at most {users.USERS_MAX:,} users",
        f"an access token for {sign_in.ACCESS_FOR.total_seconds() / 3600:.0f} hours",
        f"a refresh token for {sign_in.REFRESH_FOR.days} days",
        f"at most {sign_in.PAIRS_MAX} pairs",
        f"After {desk.FAILURES_MAX} wrong passwords for a name within {desk.WINDOW_S} seconds",
        f"when {desk.WAITING_MAX} are being checked or wait",
        f"1 to {limits.KEY_CHARACTERS_MAX} visible ASCII characters",
        f"For {KEPT_FOR.total_seconds() / 3600:.0f} hours",
        f"An answer over {limits.KEPT_BYTES_MAX // 1024**2} MiB",
        f"for {limits.UNDER_WAY_FOR.total_seconds():.0f} seconds with `Retry-After`",
    ):
        assert told in WORDS, told
    assert sign_in_desk.AT_ONCE == 2, "Two passwords are checked at a time"
    assert {401, 403, 413, 429} == kept_answers._MAY_CHANGE
