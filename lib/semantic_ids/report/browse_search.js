// Search in titles and ids: every word must be there; case and accents do not matter.
const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
let folded;

function search(asked, limit) {
  const words = fold(asked).split(/\s+/u).filter(Boolean);
  if (!words.length) return { total: 0, places: [] };
  folded ??= given.ids.map((id, place) => fold(given.titles?.[place] ? `${given.titles[place]} ${id}` : id));
  const places = [];
  let total = 0;
  for (let place = 0; place < n; place++) {
    if (!words.every((word) => folded[place].includes(word))) continue;
    if (total++ < limit) places.push(place);
  }
  return { total, places };
}

// Where one is: `#prefix=32b5`, `#item=22423`, or both. An item alone stands under its whole SID; where
// ids look the same because they were cut, `place` says which is meant.
let placeOfId;

function placeOf(id) {
  if (!placeOfId) {
    placeOfId = new Map();
    for (let place = n - 1; place >= 0; place--) placeOfId.set(given.ids[place], place);
  }
  return placeOfId.get(id);
}

function whereIs(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const [id, hex] = [asked.get("item"), asked.get("prefix")];
  const at = Number(asked.get("place"));
  const place = id === null ? null : given.ids[at] === id ? at : placeOf(id);
  if (place === undefined) return { prefix: [], place: null, missing: `no item ${id}` };
  if (hex === null) return { prefix: place === null ? [] : sidOf(place), place };
  const isHex = /^([0-9a-f]{2})*$/.test(hex);
  const prefix = isHex ? (hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16)) : [];
  if (!isHex || prefix.length > width || !pathTo(prefix)) {
    return { prefix: [], place, missing: `no prefix ${hex}` };
  }
  return { prefix, place };
}

function hashOf(prefix, place = null) {
  const asked = new URLSearchParams();
  if (prefix) asked.set("prefix", hexOf(prefix).join(""));
  if (place !== null) {
    asked.set("item", given.ids[place]);
    if (placeOf(given.ids[place]) !== place) asked.set("place", place);
  }
  return `#${asked}`;
}
