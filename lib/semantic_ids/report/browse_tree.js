"use strict";

// The catalogue and the tree of its SIDs. Items are in the order of their SIDs, so that those of a
// prefix stand side by side; `place` is an item's number in that order.
const given = JSON.parse(document.getElementById("catalogue").textContent);
const unpack = (text, Kind) => {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return new Kind(bytes.buffer);
};
const { n, dim, scale } = given;
const width = given.layout.length;
const norms = unpack(given.norms, Float64Array);
const basis = unpack(given.basis, Int16Array);
const nRows = basis.length / dim;
const allSymbols = unpack(given.symbols, Uint8Array);
const symbols = given.layout.map((_, byte) => allSymbols.subarray(byte * n, (byte + 1) * n));
const categoryOf = unpack(given.category_of, Int32Array);

const titleOf = (place) => given.titles?.[place] ?? given.ids[place];
const categoryNameOf = (place) => given.categories[categoryOf[place]] ?? null;
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
const sidOf = (place) => symbols.map((column) => column[place]);

// A byte's symbol is a mixed-radix number of factors, the first one lowest; each takes one row of the
// basis, times a coefficient.
let firstRow = 0;
const terms = given.layout.map(({ kind, radices }) => {
  const starts = radices.map((radix) => {
    const start = firstRow;
    firstRow += kind === "centroids" ? radix : 1;
    return start;
  });
  const nValues = radices.reduce((product, radix) => product * radix, 1);
  return Array.from({ length: nValues }, (_, symbol) => {
    let left = symbol;
    return radices.map((radix, factor) => {
      const value = left % radix;
      left = (left - value) / radix;
      if (kind === "centroids") return [starts[factor] + value, 1];
      return [starts[factor], kind === "ternary" ? value - 1 : 2 * value - 1];
    });
  });
});

// The decoded vector of some items' mean, less the codebook's mean, in whole steps of the grid where
// it is one item's; `used` says which rows of the basis the items take part in.
function meanOf(first, last) {
  const weights = new Float64Array(nRows);
  const used = new Uint8Array(nRows);
  for (let byte = 0; byte < width; byte++) {
    const counts = new Uint32Array(256);
    for (let place = first; place < last; place++) counts[symbols[byte][place]]++;
    counts.forEach((count, symbol) => {
      if (!count) return;
      for (const [row, coefficient] of terms[byte][symbol]) {
        weights[row] += count * coefficient;
        used[row] = 1;
      }
    });
  }
  const vector = new Float64Array(dim);
  for (let row = 0; row < nRows; row++) {
    if (!weights[row]) continue;
    for (let at = 0, from = row * dim; at < dim; at++) vector[at] += weights[row] * basis[from + at];
  }
  for (let at = 0; at < dim; at++) vector[at] /= last - first;
  return { vector, used };
}

// What each symbol of each byte adds to a vector's product with a decoded SID.
function lookUpsOf(vector, used = null) {
  const products = new Float64Array(nRows);
  for (let row = 0; row < nRows; row++) {
    if (used && !used[row]) continue;
    let sum = 0;
    for (let at = 0, from = row * dim; at < dim; at++) sum += basis[from + at] * vector[at];
    products[row] = sum;
  }
  return terms.map((byte) =>
    Float64Array.from(byte, (rows) => rows.reduce((sum, [row, by]) => sum + by * products[row], 0)),
  );
}

function productWith(lookUps, place) {
  let sum = 0;
  for (let byte = 0; byte < width; byte++) sum += lookUps[byte][symbols[byte][place]];
  return sum * scale;
}

// The k items of the lowest score, ties by place.
function lowest(k, first, last, scoreOf) {
  const best = [];
  for (let place = first; place < last; place++) {
    const score = scoreOf(place);
    if (best.length === k && score >= best[k - 1].score) continue;
    let at = best.length;
    while (at && best[at - 1].score > score) at--;
    best.splice(at, 0, { place, score });
    if (best.length > k) best.pop();
  }
  return best;
}

// The root mean square of the distances between two of some items; null of one item.
function spreadOf(first, last, mean) {
  const size = last - first;
  if (size < 2) return null;
  let sum = 0;
  for (let place = first; place < last; place++) sum += norms[place];
  return Math.sqrt(Math.max(0, (2 * (sum - size * normOf(mean.vector))) / (size - 1)));
}
const normOf = (vector) => vector.reduce((total, value) => total + value * value, 0) * scale;
const centre = meanOf(0, n);
const spreadOfAll = spreadOf(0, n, centre);
const relative = (distance) => (spreadOfAll ? distance / spreadOfAll : 0);

// Items of the very SID, from place to place.
function sameSid(place) {
  const isSame = (other) => symbols.every((column) => column[other] === column[place]);
  let [first, last] = [place, place + 1];
  while (first > 0 && isSame(first - 1)) first--;
  while (last < n && isSame(last)) last++;
  return [first, last];
}

// The nearest items of other SIDs, with their distances as shares of that between two items of all.
function nearestOf(place, k = 10) {
  const lookUps = lookUpsOf(meanOf(place, place + 1).vector);
  const [first, last] = sameSid(place);
  const scoreOf = (other) =>
    other >= first && other < last ? Infinity : norms[other] - 2 * productWith(lookUps, other);
  return lowest(k, 0, n, scoreOf)
    .filter(({ score }) => score < Infinity)
    .map(({ place: other, score }) => ({
      place: other,
      distance: relative(Math.sqrt(Math.max(0, norms[place] + score))),
    }));
}

// The items that point most nearly the way from the catalogue's mean to that of some items.
let centreLookUps;
function characteristic(first, last, mean, k) {
  centreLookUps ??= lookUpsOf(centre.vector);
  const way = mean.vector.map((value, at) => value - centre.vector[at]);
  const lookUps = lookUpsOf(way, mean.used);
  const ofCentre = way.reduce((total, value, at) => total + value * centre.vector[at], 0) * scale;
  const centreNorm = normOf(centre.vector);
  return lowest(k, first, last, (place) => {
    const square = norms[place] - 2 * productWith(centreLookUps, place) + centreNorm;
    return square > 0 ? (ofCentre - productWith(lookUps, place)) / Math.sqrt(square) : 0;
  });
}

// A prefix: `first` to `last` are its items that are shown, `count` is of all items where those were
// counted, which is up to two bytes.
const root = { prefix: [], first: 0, last: n, count: given.n_items };
const counted = given.prefixes && {
  prefixes: unpack(given.prefixes, Uint16Array),
  counts: unpack(given.prefix_counts, Float64Array),
  depth: Math.min(2, width),
};

function childrenOf(node) {
  if (node.children) return node.children;
  const depth = node.prefix.length;
  const found = new Map();
  for (let at = node.first; at < node.last; ) {
    const symbol = symbols[depth][at];
    const first = at;
    while (at < node.last && symbols[depth][at] === symbol) at++;
    found.set(symbol, { prefix: [...node.prefix, symbol], first, last: at, count: at - first });
  }
  if (counted && depth < counted.depth) count(node, found);
  return (node.children = [...found.values()].sort((a, b) => a.prefix[depth] - b.prefix[depth]));
}

function count(node, found) {
  const depth = node.prefix.length;
  const totals = new Map();
  counted.prefixes.forEach((prefix, at) => {
    const bytes = counted.depth === 1 ? [prefix] : [prefix >> 8, prefix & 255];
    if (depth && bytes[0] !== node.prefix[0]) return;
    totals.set(bytes[depth], (totals.get(bytes[depth]) ?? 0) + counted.counts[at]);
  });
  for (const [symbol, total] of totals) {
    const none = { prefix: [...node.prefix, symbol], first: node.last, last: node.last };
    found.set(symbol, { ...(found.get(symbol) ?? none), count: total });
  }
}

// The nodes from the root to a prefix; null where nothing has it.
function pathTo(prefix) {
  const path = [root];
  for (const symbol of prefix) {
    const next = childrenOf(path.at(-1)).find((child) => child.prefix.at(-1) === symbol);
    if (!next) return null;
    path.push(next);
  }
  return path;
}

// What a prefix holds: characteristic titles, how far apart its items are, its commonest category.
function summaryOf(node) {
  if (node.summary || node.first === node.last) return node.summary ?? { titles: [], spread: null };
  const mean = meanOf(node.first, node.last);
  const near = characteristic(node.first, node.last, mean, 12);
  const titles = [...new Set(near.map(({ place }) => titleOf(place)))].slice(0, 3);
  const spread = spreadOf(node.first, node.last, mean);
  node.summary = { titles, spread: spread === null ? null : relative(spread), category: commonest(node) };
  return node.summary;
}

function commonest({ first, last }) {
  if (!given.categories.length) return null;
  const counts = new Map();
  let [known, most] = [0, -1];
  for (let place = first; place < last; place++) {
    const category = categoryOf[place];
    if (category < 0) continue;
    known++;
    counts.set(category, (counts.get(category) ?? 0) + 1);
    if (!(counts.get(category) <= counts.get(most))) most = category;
  }
  return known ? { name: given.categories[most], share: counts.get(most) / known } : null;
}
