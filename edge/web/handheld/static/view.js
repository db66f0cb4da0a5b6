/* Every screen of the pick job: from the top the job, the one thing, what to scan, the buttons.

   A screen is a function of the model; nothing here decides anything. `act(name, value)` is what a
   tap asks the page to do. Full-screen signals are in signals.js. */

import { code, h, icon, scanned, sep } from "./dom.js";
import { legMillimetres, walkMap } from "./map.js";
import {
  countsOf, currentStop, lineInNeed, needOf, stopAfter, totalsOf,
} from "./machine.js";
import { clock, metres, rich, span, t, width } from "./text.js";

const TOTES_MIN = 12;
const LISTS_SHOWN = 4;
const NAME_LONG = 22;
const PREFIX_SHOWN = 4;
/** Rough work of a wave, for "about 18 min": metres a second, seconds a unit and a bin. */
const PACE = { metres: 1, unit: 15, bin: 10 };

/** Why nothing is sent: the edge cannot store, or there is no network. */
function whyUnsent(code) {
  if (code === "storage_full") return [t("hand.storage_full"), sep(), t("hand.storage_wait")];
  if (code === "storage_failed") return [t("hand.storage_failed"), sep(), t("hand.storage_wait")];
  return [t("hand.offline"), sep(), t("hand.keep_picking")];
}

/** Return the bar with the job on the left and what is not sent on the right. */
export function bar(model, ...job) {
  const { up, unsent, code } = model.link;
  if (!up) {
    return h("div", { class: "hbar offline" },
      h("b", null, ...whyUnsent(code)),
      h("span", { class: "sent", role: "status" }, icon("offline"),
        h("b", null, t("hand.unsent", { n: unsent }))));
  }
  return h("div", { class: "hbar" }, h("b", { class: "clip" }, ...job),
    h("span", { class: "sent", role: "status" }, icon(unsent ? "next" : "check"),
      h("span", null, unsent ? t("hand.sending", { n: unsent }) : t("hand.all_sent"))));
}

const meter = (done, all) => h("div", { class: "hmeter" },
  h("i", { css: { width: `${all ? Math.round((100 * done) / all) : 0}%` } }));

export const button = (key, name, act, more = {}) => h("button", {
  class: `hbtn ${more.kind ?? ""}`.trim(), type: "button", disabled: more.disabled,
  "data-act": name, on: () => act(name, more.value),
}, more.icon ? icon(more.icon) : null, h("span", null, t(key, more.params)));

function ask(model, ...words) {
  if (model.late) {
    const [shape, key] = model.link.up
      ? ["next", "hand.waiting_answer"] : ["offline", "hand.waiting_link"];
    return h("div", { class: "ask later", role: "status" }, icon(shape), h("span", null, t(key)));
  }
  return h("div", { class: "ask" }, icon("scan"), h("span", null, ...words));
}

const acts = (...buttons) => h("div", { class: "acts" }, ...buttons);
const typeIt = (act) => button("hand.type", "type", act, { icon: "keys" });
const problem = (act) => button("hand.problem", "menu", act, { icon: "flag" });
const jobOf = ({ base }) => [t("hand.picking", { wave: base.pick_list.wave })];
const progress = (state, name) => {
  const { picked, units } = totalsOf(state);
  return [name, sep(), t("hand.done_of", { done: picked, all: units })];
};
const rows = (...pairs) => h("div", { class: "rows" },
  pairs.map(([label, ...value]) => h("div", null, h("span", null, label), h("b", null, ...value))));
const stationName = (base) =>
  t("hand.station", { n: base.station.slice(base.station.lastIndexOf("-") + 1) });
const courierName = (courier) => {
  const name = t(`hand.courier.${courier}`);
  return name.startsWith("hand.") ? courier : name;
};

function badge(model, act) {
  const { base } = model.state;
  const place = base.warehouse_name || base.warehouse;
  return [
    bar(model, ...(place ? [place, sep()] : []), stationName(base)),
    h("div", { class: "hbody mid" }, icon("badge", "huge"),
      h("h1", null, t("hand.badge_title")), h("p", { class: "soft" }, t("hand.badge_note"))),
    ask(model, t("hand.scan_badge")),
    acts(button("hand.other_language", "language", act), typeIt(act)),
  ];
}

function home(model, act) {
  const { base } = model.state;
  const lists = base.open_lists ?? [];
  const theme = model.night ? "hand.day" : "hand.night";
  return [
    bar(model, base.person?.name ?? stationName(base)),
    h("div", { class: "hbody" },
      h("h1", null, t(lists.length ? "hand.lists" : "hand.no_lists", { n: lists.length })),
      lists.length
        ? rows(...lists.slice(0, LISTS_SHOWN).map((list) => [
          `${courierName(list.courier)} ${clock(list.cut_off_ms)}`,
          t("hand.units", { n: list.units }),
        ]))
        : h("p", { class: "soft" }, t("hand.no_lists_note"))),
    model.late ? ask(model) : null,
    h("div", { class: `acts stack${model.late ? " after" : ""}` },
      button("hand.take_next", "scan", act,
        { kind: "main", value: "BC:PICK", disabled: !lists.length || model.late }),
      h("div", { class: "trio" },
        button(theme, "theme", act, { kind: "pair2" }),
        button("hand.other_language", "language", act, { kind: "pair2" }),
        button("hand.log_out", "scan", act, { kind: "pair2", value: "BC:OUT" }))),
  ];
}

function cart(model, act) {
  const { state } = model;
  const list = state.base.pick_list;
  const bins = new Set(list.stops.map((stop) => stop.bin)).size;
  const seconds = list.walk_mm / 1000 / PACE.metres + list.units * PACE.unit + bins * PACE.bin;
  const totes = totesNeeded(list);
  return [
    bar(model, ...jobOf(state)),
    h("div", { class: "hbody" },
      rows(
        [t("hand.cut_off", { courier: courierName(list.courier) }), clock(list.cut_off_ms)],
        [t("hand.orders", { n: list.orders }),
          t("hand.units", { n: list.units }), sep(), t("hand.bins", { n: bins })],
        [t("hand.walk"), t("hand.metres", { n: metres(list.walk_mm) }), sep(),
          t("hand.about_minutes", { n: Math.max(1, Math.round(seconds / 60)) })],
      ),
      h("div", { class: "fill" }),
      h("div", { class: "next ink" }, h("span", null, t("hand.load_totes", { n: totes }))),
      toteGrid(list, (slot) => (slot > totes ? "done" : null), "")),
    ask(model, t("hand.scan_cart")),
    acts(button("hand.another", "scan", act, { icon: "back", value: "BC:BACK", kind: "pair2" }),
      typeIt(act)),
  ];
}

const slotsOf = (list) => list.stops.flatMap((stop) => stop.lines.map((line) => line.slot));
const totesNeeded = (list) => Math.max(0, ...slotsOf(list));

function toteGrid(list, kindOf, size) {
  const count = Math.max(TOTES_MIN, totesNeeded(list));
  return h("div", { class: `totes ${size}`.trim() },
    Array.from({ length: count }, (_, i) => h("span", { class: kindOf(i + 1) }, String(i + 1))));
}

/** Return the sign over the bin: aisle, bay and level with their names. */
function plate(bin) {
  const parts = bin.split("-");
  const names = ["hand.aisle", "hand.bay", "hand.level"];
  const letters = bin.length - parts.length + 1;
  const size = letters <= 6 ? "" : letters <= 9 ? "m64" : "m44";
  return h("div", { class: `plate binplate ${size}`, "data-bin": bin },
    parts.map((part, i) => h("div", null, h("b", null, part),
      parts.length <= names.length ? h("span", null, t(names[i])) : null)));
}

function bin(model, act) {
  const { state } = model;
  const list = state.base.pick_list;
  const stop = currentStop(state);
  const index = list.stops.indexOf(stop);
  const then = stopAfter(state);
  const leg = legMillimetres(list, index);
  const { picked, units } = totalsOf(state);
  return [
    bar(model, ...progress(state, list.wave)), meter(picked, units),
    h("div", { class: "hbody tight" },
      plate(stop.bin),
      h("div", { class: "next ink" }, h("span", { class: "name" }, stop.name),
        h("b", null, t("hand.take", { n: countsOf(state, stop).left }))),
      walkMap(list, index),
      h("div", { class: "next" },
        h("span", null, leg >= 1000 ? t("hand.walk_on", { n: metres(leg) }) : t("hand.next_to_it")),
        then ? h("span", null, t("hand.then"), " ", code(then.bin)) : null)),
    ask(model, t("hand.scan_bin")),
    acts(problem(act), typeIt(act)),
  ];
}

/** Return the part of a common start of serial numbers that fits and that people compare. */
export const start = (prefix) => (prefix ?? "").slice(0, PREFIX_SHOWN);

function hintRow(stop) {
  if (stop.serial_policy !== "full") {
    return rows([t("hand.barcode"), code(stop.gtin || stop.sku)]);
  }
  const { length, prefix } = stop.serial_hint ?? {};
  const key = ["hand.sn_any", "hand.sn_length", "hand.sn_prefix", "hand.sn_both"];
  const which = (length ? 1 : 0) + (prefix ? 2 : 0);
  const parts = rich(key[which], {
    n: h("b", null, String(length ?? "")), prefix: h("b", { class: "code" }, start(prefix)),
  });
  return h("div", { class: "rows" },
    h("div", null, h("span", null, t("hand.serial")), h("span", null, ...parts)));
}

function unit(model, act) {
  const { state } = model;
  const list = state.base.pick_list;
  const stop = currentStop(state);
  const { picked, short } = countsOf(state, stop);
  const line = lineInNeed(state, stop);
  const all = totalsOf(state);
  const full = new Set(slotsOf(list));
  for (const each of list.stops) {
    for (const open of each.lines) {
      if (needOf(state, each, open) > 0) full.delete(open.slot);
    }
  }
  const { last } = state.now;
  const kindOf = (slot) => (slot === line?.slot ? "now" : full.has(slot) ? "done" : null);
  return [
    bar(model, ...progress(state, stop.bin)), meter(all.picked, all.units),
    h("div", { class: "hbody" },
      h("div", { class: "split" }, h("div", { class: "pic" }, icon("box")),
        h("div", { class: `goods${width(stop.name) > NAME_LONG ? " long" : ""}` },
          h("h1", { class: "h34" }, stop.name),
          h("p", null, h("small", null, code(stop.sku))))),
      h("div", { class: "split fill middle" },
        h("div", null, h("small", null, t("hand.scanned")),
          h("div", { class: "count" }, String(picked),
            h("small", null, ` / ${stop.quantity - short}`))),
        h("div", { class: "grid" },
          h("small", null, t("hand.into_tote", { slot: line?.slot ?? "" })),
          toteGrid(list, kindOf, "small"))),
      hintRow(stop),
      h("div", { class: "last" }, last ? [
        h("span", null, t("hand.last")), scanned(last.code),
        h("span", { class: "sent" }, icon("check"),
          h("span", null, t("hand.tote", { slot: last.slot }))),
      ] : [])),
    ask(model, t(stop.serial_policy === "full" ? "hand.scan_sn" : "hand.scan_goods",
      { n: picked + 1 })),
    acts(problem(act), typeIt(act)),
  ];
}

function done(model, act) {
  const { state } = model;
  const { picked, short, units } = totalsOf(state);
  const { started_ms: from, done_ms: to } = state.now;
  const pairs = [
    [t("hand.picked"), t("hand.picked_of", { done: picked, all: units })],
    [t("hand.short_row"), short ? t("hand.short_resourced", { n: short }) : t("hand.none")],
    [t("hand.walk"), t("hand.metres", { n: metres(state.base.pick_list.walk_mm) })],
    ...(from && to ? [[t("hand.time"), span(to - from)]] : []),
  ];
  return [
    bar(model, ...jobOf(state)), meter(picked, picked),
    h("div", { class: "hbody" },
      h("div", { class: "donehead" }, icon("ok"), h("h1", null, t("hand.wave_picked"))),
      h("div", { class: "plate target" }, h("span", null, t("hand.push_to")),
        h("div", null, t("hand.benches"))),
      rows(...pairs)),
    model.late ? ask(model) : null,
    h("div", { class: `acts stack${model.late ? " after" : ""}` },
      button("hand.next_wave", "scan", act,
        { kind: "main", value: "BC:PICK", disabled: model.late }),
      button("hand.break", "scan", act, { value: "BC:OUT", disabled: model.late })),
  ];
}

const SCREENS = { badge, home, cart, bin, unit, done };

/** Return the children of the page for the step the picker is at. */
export const job = (model, act) => SCREENS[model.state.now.step](model, act);
