"""Which secrets sign: every call can be verified with one that is live, and in a well world all that are live sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from closebell.dispatch.sender import OutgoingRequest
from simulation.books import microseconds
from simulation.world import SETTLES_S, World

if TYPE_CHECKING:
    from simulation.network import Call
    from simulation.process import Process

STALE_US: Final = 600 * 1_000_000
"""For so long a process may sign as it learnt before a rotation, where the database takes its time."""
HOUR_US: Final = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A secret that signs from one instant to another."""

    key: bytes
    since: int
    until: int | None = None

    def signs(self, at: int, *, late_us: int = 0) -> bool:
        """Whether it does at this instant, or did until lately."""
        return self.until is None or at < self.until + late_us


class Signing:
    """Keeps the secrets of all endpoints, and verifies every call with them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._secrets: defaultdict[str, list[Live]] = defaultdict(list)

    def sees_commit(self, process: Process, name: str, args: Sequence[Any], result: Any) -> None:
        """A secret was made, or took the place of others, which sign beside it for as long as was asked for."""
        now = microseconds(process.clock.now())
        if name == "create_endpoint":
            self._secrets[result.endpoint.id] = [Live(key=_key(args[0].secret), since=now)]
        elif name == "rotate_secret":
            endpoint_id, rotation = args
            ends = now + rotation.overlap_hours * HOUR_US
            old = self._secrets[endpoint_id]
            kept = [replace(one, until=ends if one.until is None else min(one.until, ends)) for one in old]
            self._secrets[endpoint_id] = [*kept, Live(key=_key(rotation.secret), since=now)]

    def must_be_signed(self, call: Call, request: OutgoingRequest, *, is_excused: bool) -> None:
        """Some live secret has signed, whatever happens; and in a well world every one has, and no other."""
        demand = self._world.witness.demand
        known, at = self._secrets[call.endpoint_id], microseconds(call.started_at)
        headers = dict(request.headers)
        entries = set(headers["webhook-signature"].split())
        signers = {one.key for one in known if _entry(one.key, headers, request.body) in entries}
        live = {one.key for one in known if one.signs(at)}
        demand(len(entries) == len(signers), f"{call.delivery_id} is signed with what nobody knows")
        lately = {one.key for one in known if one.signs(at, late_us=STALE_US)}
        demand(is_excused or signers & lately, f"{call.delivery_id} is signed by no secret that is live")
        newest = max(one.since for one in known)
        if self._world.is_well and at >= newest + SETTLES_S * 1_000_000:
            demand(signers == live, f"{call.delivery_id} is signed by {len(signers)} secrets, not all {len(live)}")


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def _entry(key: bytes, headers: dict[str, str], body: bytes) -> str:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
