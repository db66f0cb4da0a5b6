/* The walk to the next bin, seen from above: racks, where the cart stands, which way round.

   The download carries the exact walk with its turning points: positions `[aisle, cell]`, where
   cell -1 is the top cross-aisle and `cells_per_aisle` the bottom one. A *leg* is the part of it
   that leads to one stop. */

import { h } from "./dom.js";

const AISLES_MIN = 7;
const WIDTH = 440;
const HEIGHT = 196;
const LANES = { top: 40, bottom: 172 };
const RACKS = { top: 48, height: 112 };
const LABEL_WIDTH = 54;
/** One aisle sideways, in cells (edge/domain/site.py, Geometry): splits a known length by legs. */
const AISLE_IN_CELLS = 3;

const isAt = (place, [aisle, cell]) => place[0] === aisle && place[1] === cell;

/** The way between two positions that the walk does not name: over the nearer end. */
function overNearerEnd(from, to, cells) {
  if (from[0] === to[0]) return [from, to];
  const end = from[1] + to[1] <= cells - 1 ? -1 : cells;
  return [from, [from[0], end], [to[0], end], to];
}

/** Return for each stop the positions on the way to it, from the stop before. */
export function legsOf(list) {
  const { path = [], layout } = list;
  let [at, here] = [0, path[0] ?? null];
  return list.stops.map((stop) => {
    const to = [stop.aisle, stop.x_cell];
    const found = path.findIndex((place, i) => i >= at && isAt(place, to));
    const from = here ?? to;
    const points = found >= 0
      ? [from, ...path.slice(at + 1, found + 1)] : overNearerEnd(from, to, layout.cells_per_aisle);
    if (found >= 0) at = found;
    here = to;
    return points;
  });
}

/** Return the length of a way in cells. */
export const lengthOf = (points) => points.slice(1).reduce((sum, [aisle, cell], i) => sum
  + AISLE_IN_CELLS * Math.abs(aisle - points[i][0]) + Math.abs(cell - points[i][1]), 0);

/** Return the millimetres of the way to the stop at `index`. */
export function legMillimetres(list, index) {
  const whole = lengthOf(list.path ?? []);
  return whole ? (list.walk_mm * lengthOf(legsOf(list)[index])) / whole : 0;
}

/** Return which aisles to draw: all that the way touches, and some on either side. */
function windowOf(aisles, points) {
  const touched = points.map(([aisle]) => aisle);
  const [low, high] = [Math.min(...touched), Math.max(...touched)];
  const count = Math.min(aisles.length, Math.max(AISLES_MIN, high - low + 1));
  const spare = count - (high - low + 1);
  const first = Math.max(0, Math.min(low - Math.floor(spare / 2), aisles.length - count));
  return { first, count };
}

/** Draw the way to the stop at `index`, the way before it dotted. */
export function walkMap(list, index) {
  const { aisles, cells_per_aisle: cells } = list.layout;
  const legs = legsOf(list);
  const points = legs[index];
  const [from, to] = [points[0], points.at(-1)];
  const { first, count } = windowOf(aisles, points);
  const pitch = Math.min(58, (WIDTH - 16) / count);
  const left = (WIDTH - count * pitch) / 2 + pitch / 2;
  const x = (aisle) => left + (aisle - first) * pitch;
  const y = (cell) => (cell < 0 ? LANES.top : cell >= cells ? LANES.bottom
    : RACKS.top + ((cell + 0.5) / cells) * RACKS.height);
  const line = (way) => `M${way.map(([aisle, cell]) => `${x(aisle)} ${y(cell)}`).join("L")}`;
  const every = Math.ceil(LABEL_WIDTH / pitch);
  const rack = { y: RACKS.top, width: pitch * 0.19, height: RACKS.height, class: "rack" };
  const aisleAt = (aisle) => {
    const isGoal = aisle === to[0];
    const isNamed = isGoal || (aisle % every === 0 && Math.abs(aisle - to[0]) >= every);
    const name = { x: x(aisle), y: 26, class: isGoal ? "now" : null };
    return [
      h("rect", { ...rack, x: x(aisle) - pitch * 0.38 }),
      h("rect", { ...rack, x: x(aisle) + pitch * 0.19 }),
      isNamed ? h("text", name, aisles[aisle]) : null,
    ];
  };
  return h("svg", {
    class: "map fill", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMidYMid meet",
    role: "img", "aria-label": `${aisles[from[0]]} → ${aisles[to[0]]}`,
  },
  Array.from({ length: count }, (_, i) => aisleAt(first + i)).flat(),
  index > 0 ? h("path", { class: "gone", d: line(legs[index - 1]) }) : null,
  h("path", { class: "walk", d: line(points) }),
  h("circle", { class: "here", cx: x(from[0]), cy: y(from[1]), r: 11 }),
  h("rect", {
    class: "goal", x: x(to[0]) - 15, y: y(to[1]) - 15, width: 30, height: 30, rx: 3,
  }));
}
