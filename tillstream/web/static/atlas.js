// Outlines of countries and states, and the projections they are drawn in.

const files = new Map();

/** The shapes of one file of outlines: [{name, rings: [[[x, y], …], …]}]. Rejects when it was not set up. */
export function outlines(file) {
  if (!files.has(file)) {
    files.set(file, fetch(`/static/vendor/${file}.json`).then((answer) => {
      if (!answer.ok) throw new Error(`no outlines: ${file}`);
      return answer.json();
    }).then(shapes));
  }
  return files.get(file);
}

/** TopoJSON to rings: arcs are shared between neighbours, and each point is the step from the one before. */
function shapes(topology) {
  const { scale, translate } = topology.transform;
  const arcs = topology.arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([stepX, stepY]) => [(x += stepX) * scale[0] + translate[0], (y += stepY) * scale[1] + translate[1]]);
  });
  const ring = (numbers) => numbers.flatMap((number, place) => {
    const points = number < 0 ? arcs[~number].slice().reverse() : arcs[number];
    return place ? points.slice(1) : points;
  });
  const layer = topology.objects.states ?? topology.objects.countries;
  return layer.geometries.filter((each) => each.arcs).map((each) => ({
    name: each.properties.name,
    rings: (each.type === "Polygon" ? [each.arcs] : each.arcs).flatMap((polygon) => polygon.map(ring)).map(whole),
  }));
}

/** A ring across the date line, in one piece: beyond 180° instead of a leap to the other edge. */
function whole(ring) {
  let turn = 0;
  let before = ring[0][0];
  const points = ring.map(([x, y]) => {
    if (Math.abs(x - before) > 180) turn += x < before ? 360 : -360;
    before = x;
    return [x + turn, y];
  });
  const [left, , right] = around(points);
  const shift = (left + right) / 2 < -180 ? 360 : 0;
  return shift ? points.map(([x, y]) => [x + shift, y]) : points;
}

/** The smallest box around points: [left, top, right, bottom]. */
export function around(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

export const overlap = (a, b) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];

const radians = (degrees) => (degrees * Math.PI) / 180;

/** Natural Earth I: the whole world, without the poles drawn out. */
export function naturalEarth(longitude, latitude) {
  const phi = radians(latitude);
  const square = phi * phi;
  const fourth = square * square;
  const x = 0.8707 - 0.131979 * square + fourth * (-0.013791 + fourth * (0.003971 * square - 0.001529 * fourth));
  const y = 1.007226 + square * (0.015085 + fourth * (-0.044475 + 0.028874 * square - 0.005916 * fourth));
  return [radians(longitude) * x, -phi * y];
}

/** Albers' conic projection: true areas, for one country. `middle` is where x and y are 0. */
export function albers(parallels, middle) {
  const [first, second] = parallels.map((each) => Math.sin(radians(each)));
  const n = (first + second) / 2;
  if (Math.abs(n) < 0.05) {
    const squeeze = Math.cos(radians(middle[1]));
    return (longitude, latitude) => [radians(longitude - middle[0]) * squeeze, -radians(latitude - middle[1])];
  }
  const c = 1 + first * (2 * n - first);
  const radius = (latitude) => Math.sqrt(Math.max(c - 2 * n * Math.sin(radians(latitude)), 0)) / n;
  const zero = radius(middle[1]);
  return (longitude, latitude) => {
    const angle = n * radians(((longitude - middle[0] + 540) % 360) - 180);
    return [radius(latitude) * Math.sin(angle), radius(latitude) * Math.cos(angle) - zero];
  };
}

/** One conic whose centre is turned: what `albers` gives for `turn`, moved so that `centre` (relative to it) is 0. */
function inset(parallels, turn, centre) {
  const project = albers(parallels, [turn, centre[1]]);
  const [x0, y0] = project(turn + centre[0], centre[1]);
  return (longitude, latitude) => {
    const [x, y] = project(longitude, latitude);
    return [x - x0, y - y0];
  };
}

const LOWER = inset([29.5, 45.5], -96, [-0.6, 38.7]);
const ALASKA = inset([55, 65], -154, [-2, 58.5]);
const HAWAII = inset([8, 18], -157, [-3, 19.9]);
const SCALE = 1300;

/** The United States with Alaska and Hawaii set beside the others, in the units of the states' file. */
export function unitedStates(longitude, latitude) {
  const [project, scale, left, top] =
    latitude > 50 ? [ALASKA, SCALE * 0.35, -0.307, 0.201] :
    longitude < -140 ? [HAWAII, SCALE, -0.205, 0.212] : [LOWER, SCALE, 0, 0];
  const [x, y] = project(longitude, latitude);
  return [487.5 + SCALE * left + scale * x, 305 + SCALE * top + scale * y];
}
