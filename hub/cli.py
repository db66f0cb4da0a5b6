"""`bincard hub`: run head office's node, feed it, prove its books, copy and restore them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from hub import cli_stock
from hub.settings import Settings, load

CSV_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _settings() -> Settings:
    return load(os.environ)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
    sys.stdout.buffer.flush()


@click.group()
def hub() -> None:
    """Head office's node: orders of all channels, promises, all warehouses' books."""


@hub.command()
def serve() -> None:
    """Run the hub until it is stopped."""
    from hub.app import serve as serve_hub
    from hub.instance import RUN_FILE, books_taken

    settings = _settings()
    with books_taken(settings.state_dir):
        # One that a killed hub left behind would send commands to a dead port.
        (settings.state_dir / RUN_FILE).unlink(missing_ok=True)
        serve_hub(settings)


@hub.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when something waits.")
def migrate(check: bool) -> None:
    """Bring the books' schema up to date."""
    from hub.instance import books_taken
    from hub.store.open_books import migrate_books, pending_migrations

    settings = _settings()
    if check:
        waiting = pending_migrations(settings.database, settings.postgres_url)
        _print_json({"waiting": waiting})
        sys.exit(1 if waiting else 0)
    with books_taken(settings.state_dir):
        applied = migrate_books(settings.database, settings.postgres_url)
        _print_json({"applied": applied})


@hub.command("copy-to-postgres")
@click.argument("url")
def copy_to_postgres(url: str) -> None:
    """Copy the books from the file to the empty server at URL, and prove that both are equal."""
    from hub.instance import books_taken
    from hub.services.verify_books import verify_books
    from hub.store.postgres.copy import copy_books

    settings = _settings()
    with books_taken(settings.state_dir):
        report = copy_books(settings.database, url, lambda desk: verify_books(desk).holds)
    _print_json(report)
    sys.exit(0 if report.holds else 1)


@hub.command()
def verify() -> None:
    """Prove the books: prints JSON, exits 0 only if every promise holds."""
    from hub.office import Office

    report = Office(_settings()).verify()
    _print_json(report)
    sys.exit(0 if report.holds else 1)


@hub.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the books into the new FILE, also while the hub runs."""
    from hub.office import Office

    size_bytes = Office(_settings()).backup(file)
    _print_json({"file": str(file), "bytes": size_bytes})


@hub.command("prove-backup")
@click.argument("url")
def prove_backup(url: str) -> None:
    """Prove a backup of the server's books, restored at URL: edges may let go of what it holds."""
    from hub.office import Office

    ends = Office(_settings()).prove_backup(url)
    _print_json({"backed_up": [end._asdict() for end in ends]})


@hub.command()
@click.argument("file", type=CSV_FILE)
def restore(file: Path) -> None:
    """Replace the books by the backup FILE; the hub must not run. The old file is kept."""
    from hub.instance import books_taken
    from hub.store.backup import begin_new_life, check_file, proven_marks
    from hub.store.sqlite.hub_store import open_hub
    from shared.runtime import backups
    from shared.runtime.clock import SystemClock, SystemEntropy

    settings = _settings()
    if settings.postgres_url:
        raise click.UsageError("these books are kept by a PostgreSQL server; restore them there")
    clock = SystemClock()
    with books_taken(settings.state_dir):
        check_file(file)
        proven_marks(file)
        settings.database.parent.mkdir(parents=True, exist_ok=True)
        fresh = settings.database.with_name(settings.database.name + backups.FRESH_ENDING)
        fresh.unlink(missing_ok=True)
        shutil.copyfile(file, fresh)
        books = open_hub(fresh, clock, SystemEntropy())
        epoch = books.database.write_sync(
            lambda tx: begin_new_life(tx.sql, books.entropy, clock.wall_ms())
        )
        books.database.close()
        kept = backups.swap_in(fresh, settings.database, clock.wall_ms())
    kept_name = str(kept) if kept else None
    _print_json({"restored": str(file), "epoch": epoch, "kept": kept_name})


@hub.command()
def retry() -> None:
    """Count facts again that a version before could not read; prints how many were counted."""
    from hub.office import Office

    _print_json(Office(_settings()).retry())


@hub.command()
def rebuild() -> None:
    """Declare that these new books replace lost ones; the hub must not run.

    Nothing is promised until every warehouse was enrolled again and has sent its log.
    """
    from hub.instance import books_taken
    from hub.store.backup import begin_rebuilding
    from hub.store.open_books import open_books
    from shared.runtime.clock import SystemClock, SystemEntropy

    settings = _settings()
    with books_taken(settings.state_dir):
        books = open_books(settings.database, settings.postgres_url, SystemClock(), SystemEntropy())
        try:
            epoch = books.database.write_sync(
                lambda tx: begin_rebuilding(tx.sql, books.entropy, books.clock.wall_ms())
            )
        finally:
            books.close()
    _print_json({"rebuilding": True, "epoch": epoch})


@hub.command()
def recovery() -> None:
    """Say how far a restored or rebuilt hub has come: whom it waits for, what cannot be known."""
    from hub.office import Office

    _print_json(Office(_settings()).recovery())


@hub.command()
def doctor() -> None:
    """Say what is wrong with this machine and these settings, in sentences."""
    from hub.doctor import examine

    findings = examine(_settings())
    for finding in findings:
        click.echo(f"{'ok  ' if finding.good else 'BAD '} {finding.what}: {finding.sentence}")
    sys.exit(0 if all(finding.good for finding in findings) else 1)


@hub.command("create-token")
@click.option("--name", required=True, help="What people call it.")
@click.option("--scopes", required=True, help="Scopes, separated by commas.")
def create_token(name: str, scopes: str) -> None:
    """Print a new API token. It is shown this once."""
    from hub.office import Office
    from hub.services.access import TokenRequest

    wanted = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
    made = Office(_settings()).create_token(TokenRequest(name=name, scopes=wanted))
    click.echo(f"Token {made.name} ({made.token_id}): {' '.join(made.scopes)}", err=True)
    click.echo(made.token)


@hub.command("enrol-edge")
@click.option("--warehouse", required=True, help="Code of the warehouse.")
def enrol_edge(warehouse: str) -> None:
    """Print a one-time code with which a machine becomes the warehouse's edge."""
    from hub.office import Office

    click.echo(Office(_settings()).enrol_edge(warehouse))


@hub.command("set-quota")
@click.option("--warehouse", required=True, help="Code of the warehouse.")
@click.option("--sku", required=True, help="The goods.")
@click.option("--units", required=True, type=click.IntRange(0, 100_000), help="0 takes them back.")
def set_quota(warehouse: str, sku: str, units: int) -> None:
    """Let a warehouse sell up to UNITS of a SKU over its own counter while the hub is silent."""
    from hub.office import Office
    from hub.services.quotas import QuotaRequest

    request = QuotaRequest(sku=sku, target=units)
    _print_json(Office(_settings()).set_quota(warehouse, request))


@hub.command("import-waybills")
@click.argument("file", type=CSV_FILE)
@click.option("--courier", required=True, help="Code of the courier.")
@click.option("--strict", is_flag=True, help="Exit 1 when any row was rejected.")
def import_waybills(file: Path, courier: str, strict: bool) -> None:
    """Load a courier's waybill numbers from a CSV FILE with the columns first and last."""
    from hub.domain.csv_rows import parse_numbers
    from hub.office import Office
    from hub.services.waybill_numbers import NumbersRequest

    rows, errors = parse_numbers(file.name, file.read_bytes())
    report = Office(_settings()).load_numbers(courier, NumbersRequest(rows=rows, file=file.name))
    for error in (*errors, *report.errors, *report.warnings):
        place = f"{error.file}:{error.line}: {error.column or 'row'}"
        click.echo(f"{place}: {error.reason}", err=True)
    report = msgspec.structs.replace(
        report,
        rows=report.rows + len(errors),
        rejected=report.rejected + len(errors),
        errors=(*errors, *report.errors),
    )
    _print_json(report)
    sys.exit(1 if strict and report.rejected else 0)


@hub.command("write-off-edge")
@click.option("--warehouse", required=True, help="Code of the warehouse.")
def write_off_edge(warehouse: str) -> None:
    """Stop waiting for a warehouse that will not report to a restored hub."""
    from hub.office import Office

    Office(_settings()).write_off(warehouse)
    _print_json({"written_off": warehouse})


@hub.command("add-shop")
@click.option("--channel", required=True, help="generic, shopify, woocommerce, taobao, jd, ...")
@click.option("--shop", required=True, help="What orders call the shop.")
@click.option("--url", required=True, help="The shop's address, or the platform's gateway.")
@click.option("--name", default="", help="What people call it.")
@click.option("--currency", default="CNY", show_default=True, help="Of its prices.")
@click.option("--option", "options", multiple=True, help="A platform id, as NAME=VALUE.")
@click.option("--publish-percent", default=0, help="Share of what is available that it shows.")
@click.option("--publish-buffer", default=0, help="Units it never shows.")
@click.option("--mode", default="shared", show_default=True, help="shared, or strict: by quota.")
@click.option("--strict-below", default=0, help="Units left in all at which a SKU goes by quota.")
@click.option("--quota-min", default=1, show_default=True, help="Least quota of a SKU.")
@click.option("--pull-since", default="", help="Where the first pull begins (RFC 3339).")
@click.option("--paused", is_flag=True, help="Add it without serving it.")
@click.option("--secret-file", type=CSV_FILE, help="JSON map of its keys; it is copied.")
def add_shop(
    secret_file: Path | None, options: tuple[str, ...], paused: bool, **given: Any
) -> None:
    """Add a shop, or change it. Prints how it stands."""
    from hub.office import Office
    from hub.services.shops import ShopRequest

    pairs = dict(option.partition("=")[::2] for option in options)
    request = msgspec.convert({**given, "options": pairs, "active": not paused}, ShopRequest)
    secrets = None if secret_file is None else secret_file.read_bytes()
    _print_json(Office(_settings()).add_shop(request, secrets))


@hub.command("simulate-shop")
@click.option("--port", default=0, help="0 lets the system choose.")
@click.option("--secret", default="", help="Its webhook secret; empty: one is made and printed.")
@click.option("--webhook-url", default="", help="Where its webhooks go.")
def simulate_shop(port: int, secret: str, webhook_url: str) -> None:
    """Run a shop that misbehaves when told to, for rehearsals; it speaks three channels."""
    from hub.shops.simulated.server import serve_shop

    serve_shop(port, secret, webhook_url)


@hub.command("simulate-courier")
@click.option("--port", default=0, help="0 lets the system choose.")
@click.option("--prefix", default="OL", show_default=True, help="Its numbers begin with it.")
def simulate_courier(port: int, prefix: str) -> None:
    """Run a courier that issues numbers when asked, and misbehaves when told to."""
    from hub.couriers.simulated import serve_courier

    serve_courier(port, prefix)


@hub.command("adopt-edge")
@click.option("--warehouse", required=True, help="Code of the warehouse.")
def adopt_edge(warehouse: str) -> None:
    """Of two machines with one identity, go on with the one that was turned away last."""
    from hub.office import Office

    _print_json({"warehouse": warehouse, "adopted": Office(_settings()).adopt(warehouse)})


for _command in cli_stock.COMMANDS:
    hub.add_command(_command)


def _import_command(kind: str, what: str) -> None:
    """Add `import-KIND` to the group."""

    @hub.command(f"import-{kind}", help=f"Import {what} from a CSV FILE; prints a JSON report.")
    @click.argument("file", type=CSV_FILE)
    @click.option("--import-id", default="", help="Name of the hand-over; the same counts once.")
    @click.option("--strict", is_flag=True, help="Exit 1 when any row was rejected.")
    def run(file: Path, import_id: str, strict: bool) -> None:
        from hub.office import Office
        from hub.services.import_files import FileKind

        report = Office(_settings()).import_csv(msgspec.convert(kind, FileKind), file, import_id)
        for error in report.errors:
            place = f"{error.file}:{error.line}: {error.column or 'row'}"
            click.echo(f"{place}: {error.reason}", err=True)
        click.echo(report.sentence, err=True)
        _print_json(report)
        sys.exit(1 if strict and report.rejected else 0)


for _kind, _what in (
    ("warehouses", "warehouses"),
    ("products", "products"),
    ("stock", "opening stock"),
    ("orders", "orders"),
):
    _import_command(_kind, _what)
