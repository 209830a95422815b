"""The processor that the settings name, and what the built-in one does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from closebell.dispatch import processors
from closebell.dispatch.processors import TestProcessor, processor_named
from closebell.domain.invoice import TransactionState
from closebell.domain.money import Currency
from closebell.domain.processor import ChargeRequest, Processor
from closebell.errors import MisuseError
from paying import Script

PAGE = (Path(__file__).parents[2] / "docs" / "payments.md").read_text(encoding="utf-8")


def a_request(card: str) -> ChargeRequest:
    return ChargeRequest(transaction_id="id", card=card, amount=100, currency=Currency.of("USD"), source=1)


def test_without_the_setting_there_is_none() -> None:
    assert processor_named("none") is None


def test_an_unknown_one_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        MisuseError, match=r"payment_processor is 'stripe', which no installed package offers.*none, test"
    ):
        processor_named("stripe")


def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers a processor."""
    info = tmp_path / "till_money-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: till-money\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[closebell.processors]\ntill = paying:Script\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_installed_package_can_offer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path, monkeypatch)
    made = processor_named("till")
    assert isinstance(made, Script)


@pytest.mark.parametrize("its_name", ["", "x" * 41])
def test_one_that_no_payment_could_name_is_refused(
    its_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, monkeypatch)
    monkeypatch.setattr(Script, "name", its_name)
    with pytest.raises(MisuseError, match="1 to 40 characters"):
        processor_named("till")


@pytest.mark.parametrize(
    ("card", "state"),
    [
        (processors.SETTLES, TransactionState.SETTLED),
        (processors.DECLINES, TransactionState.FAILED),
        (processors.STAYS_PENDING, TransactionState.PENDING),
        ("4111111111111111", TransactionState.FAILED),
    ],
)
async def test_the_card_decides_and_the_reference_says_it_again(card: str, state: TransactionState) -> None:
    tested: Processor = TestProcessor()
    charged = await tested.charge(a_request(card))
    assert charged.state is state
    assert card not in charged.reference
    assert (await tested.find("id", charged.reference)).state is state
    assert (await tested.find("other", charged.reference)).state is TransactionState.FAILED
    assert (await tested.void("id", charged.reference)).state is TransactionState.FAILED


def test_the_card_is_not_shown_with_the_request() -> None:
    assert processors.SETTLES not in repr(a_request(processors.SETTLES))


def test_the_test_cards_are_those_of_the_documentation() -> None:
    rows = dict(re.findall(r"^\| `(\d{16})` \| (\w+)", PAGE, re.MULTILINE))
    assert rows == {processors.SETTLES: "settles", processors.DECLINES: "declines", processors.STAYS_PENDING: "stays"}
