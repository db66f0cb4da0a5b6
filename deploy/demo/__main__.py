"""Run the demo day from the command line; `deploy/demo.sh` sets up and then starts this."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.demo import pictures, report
from deploy.demo.day import Day, Inputs

SAMPLE: Final = Path(__file__).parents[1] / "sample"
OUTPUT: Final = Path("demo-out")
TICK_SECONDS: Final = 0.5
KILLABLE: Final = ("hub", "edge", "devices", "simulator")

console = Console()
existing = click.Path(exists=True, dir_okay=False, path_type=Path)


async def show_progress(day: Day) -> None:
    """Draw bars for the whole day and each warehouse until cancelled."""
    with Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=40),
        TextColumn("{task.completed:>6.0f} / {task.total:<6.0f}"),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        orders = progress.add_task("orders that reached an end", total=day.orders_total)
        parcels = {
            code: progress.add_task(f"{code} parcels handed over", total=None)
            for code in day.world.sites
        }
        while True:
            progress.update(orders, completed=day.orders_ended)
            for code, task in parcels.items():
                site = day.world.sites[code]
                handed = len(site.carried_away)
                progress.update(
                    task, completed=handed, total=max(handed, len(site.parcels) + len(site.filled))
                )
            await asyncio.sleep(TICK_SECONDS)


async def live(day: Day, output: Path, report_path: Path, *, once: bool) -> dict[str, Any]:
    """Live through the day, report, and keep the pages up unless `once`."""
    myself = asyncio.current_task()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, lambda: myself and myself.cancel())
    try:
        await day.open()
        bars = asyncio.create_task(show_progress(day))
        try:
            await day.run()
        finally:
            bars.cancel()
            await asyncio.gather(bars, return_exceptions=True)
        day.tell("Proving the books")
        result = await report.make(day)
        report.save(result, report_path)
        pictures.draw(day, result, output / "report.html")
        summary(result, report_path, output)
        if not once:
            await stay_open(result)
        return result
    finally:
        await day.close()


def summary(result: dict[str, Any], report_path: Path, output: Path) -> None:
    """Print the figures and say whether the day kept its promises."""
    console.print()
    for name, value in result.items():
        if isinstance(value, str | int | float):
            console.print(f"  {name.replace('_', ' '):<24}{value}")
    for finding in result["findings"]:
        console.print(f"  [bold]finding[/] {finding}")
    verdict = (
        "Every promise held." if report.is_good(result) else "A promise was broken: see above."
    )
    console.print(f"\n{verdict} Report: {report_path}  Pictures: {output / 'report.html'}")


async def stay_open(result: dict[str, Any]) -> None:
    """Print where the pages are and wait for Ctrl-C."""
    console.print("\nThe pages stay up until Ctrl-C. Badges to type or scan: BDG-0001 lead,")
    console.print("BDG-0005 picker, BDG-0014 packer (both in English), BDG-0021 dock.\n")
    for place, urls in result["urls"].items():
        pages = urls if isinstance(urls, dict) else {"": urls}
        for page, address in pages.items():
            for one in address if isinstance(address, list) else [address]:
                console.print(f"  {place:<8} {page:<9} {one}", soft_wrap=True)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


@click.command()
@click.option("--warehouses", type=existing, default=SAMPLE / "warehouses.csv")
@click.option("--products", type=existing, default=SAMPLE / "products.csv")
@click.option("--stock", type=existing, default=SAMPLE / "stock.csv")
@click.option("--orders", type=existing, default=SAMPLE / "orders.csv")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="JSON report.")
@click.option("--labels", type=click.Path(path_type=Path), help="Folder for every label's ZPL.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder for databases and logs.")
@click.option("--kill", multiple=True, type=click.Choice(KILLABLE), help="Kill -9 on the way.")
@click.option("--once", is_flag=True, help="Exit after the day.")
def main(
    warehouses: Path,
    products: Path,
    stock: Path,
    orders: Path,
    report_path: Path | None,
    labels: Path | None,
    state: Path | None,
    kill: tuple[str, ...],
    *,
    once: bool,
) -> None:
    """Run a full day: hub, warehouses, simulated devices and people, orders to handover."""
    output = (state or OUTPUT).resolve()
    day = Day(
        Inputs(warehouses, products, stock, orders),
        output,
        (labels or output / "labels").resolve(),
        list(kill),
        lambda text: console.print(f"[bold]{text}[/]"),
    )
    try:
        result = asyncio.run(live(day, output, report_path or output / "report.json", once=once))
    except asyncio.CancelledError:
        console.print("Stopped before the end of the day; every process was ended.")
        sys.exit(130)
    sys.exit(0 if report.is_good(result) else 1)


if __name__ == "__main__":
    main()
