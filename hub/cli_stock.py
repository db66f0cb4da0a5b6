"""`bincard hub` commands about who may sell what: quotas of shops, presale, safety stock, drift."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
import msgspec

from hub.settings import load

UNITS = click.IntRange(0, 1_000_000)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
    sys.stdout.buffer.flush()


def _office() -> Any:
    from hub.office import Office

    return Office(load(os.environ))


@click.command("set-shop-quota")
@click.option("--channel", required=True, help="generic, shopify, woocommerce, ...")
@click.option("--shop", required=True, help="The shop's name.")
@click.option("--sku", required=True, help="The goods.")
@click.option("--mode", default="", help="strict or shared; empty: as the shop.")
@click.option("--units", type=UNITS, help="A quota that stays; left out: by speed of sales.")
def set_shop_quota(channel: str, shop: str, sku: str, mode: str, units: int | None) -> None:
    """Set how a shop sells one SKU: by a quota of its own, or sharing with the others."""
    from hub.services.shop_quota import ShopQuotaRequest

    request = msgspec.convert({"sku": sku, "mode": mode, "units": units}, ShopQuotaRequest)
    _print_json(_office().set_shop_quota(channel, shop, request))


@click.command("drift")
@click.option("--channel", required=True, help="generic, shopify, woocommerce, ...")
@click.option("--shop", required=True, help="The shop's name.")
@click.option("--all", "everything", is_flag=True, help="Also SKUs that do not drift.")
def drift(channel: str, shop: str, everything: bool) -> None:
    """Say where a shop shows another number than the books believe; exits 1 when it does."""
    found = _office().drift(channel, shop)
    wrong = [one for one in found if one.drifts]
    _print_json(found if everything else wrong)
    sys.exit(1 if wrong else 0)


@click.command("set-presale")
@click.option("--sku", required=True, help="The goods.")
@click.option("--ship-date", required=True, help="The day they are to leave, as YYYY-MM-DD.")
@click.option("--units", required=True, type=UNITS, help="How many may be sold.")
def set_presale(sku: str, ship_date: str, units: int) -> None:
    """Let orders marked presale have UNITS of a SKU before they are there."""
    from hub.services.presale import PresaleRequest

    request = PresaleRequest(sku=sku, ship_date=ship_date, units=units)
    _print_json(
        _office().set_presale(msgspec.convert(msgspec.to_builtins(request), PresaleRequest))
    )


@click.command("set-safety-stock")
@click.option("--warehouse", required=True, help="Code of the warehouse.")
@click.option("--sku", required=True, help="The goods.")
@click.option("--units", required=True, type=UNITS, help="How many stay unpromised.")
def set_safety_stock(warehouse: str, sku: str, units: int) -> None:
    """Keep UNITS of a SKU in one warehouse unpromised."""
    from hub.services.safety_stock import SafetyStock

    _print_json(
        _office().set_safety_stock(SafetyStock(sku=sku, warehouse=warehouse, quantity=units))
    )


COMMANDS: tuple[click.Command, ...] = (set_shop_quota, drift, set_presale, set_safety_stock)
