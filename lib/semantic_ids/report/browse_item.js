// One item: its SID byte by byte, the items of the same SID, and the nearest of others.
const SIGNS = { "-1": "−", 0: "0", 1: "+" };

// What a symbol means: the signs of its digits, or the numbers of its centroids.
function meaningOf(byte, symbol) {
  const { kind, radices } = given.layout[byte];
  if (kind !== "centroids") return terms[byte][symbol].map(([, digit]) => SIGNS[digit]).join(" ");
  let left = symbol;
  const numbers = radices.map((radix) => {
    const value = left % radix;
    left = (left - value) / radix;
    return value;
  });
  return `centroid ${numbers.join(", ")}`;
}

function showItem(place, prefix) {
  panel.hidden = place === null;
  const close = element("a", { className: "close", href: hashOf(prefix) }, "Back to the tree");
  if (panel.dataset.place === String(place)) {
    panel.querySelector(".close")?.replaceWith(close);
    return;
  }
  panel.dataset.place = String(place);
  if (place === null) return;
  const sid = sidOf(place);
  const [first, last] = sameSid(place);
  const others = [...Array(last - first).keys()].map((at) => first + at).filter((at) => at !== place);
  const heading = element("h2", { id: "item-title", tabIndex: -1 }, title(titleOf(place)));
  const category = categoryNameOf(place);
  panel.replaceChildren(
    close,
    heading,
    element("p", { className: "sid whole" }, hexOf(sid).join(" ")),
    element(
      "p",
      { className: "note" },
      "item_id ",
      title(given.ids[place]),
      category && words("", ` · ${given.category}: `, title(category)),
    ),
    pathTable(sid),
    ...(others.length ? sameList(others) : []),
    ...nearestList(place, sid),
  );
  panel.scrollTop = 0;
  if (phone.matches) heading.focus();
}

function pathTable(sid) {
  const rows = pathTo(sid).map((node) => {
    const depth = node.prefix.length;
    if (!depth) return null;
    const symbol = sid[depth - 1];
    const cells = [String(depth - 1), hexOf([symbol])[0], meaningOf(depth - 1, symbol)];
    const link = element("a", { href: hashOf(node.prefix) }, number(node.count));
    return element("tr", {}, ...cells.map((text) => element("td", {}, text)), element("td", {}, link));
  });
  const heads = ["Byte", "Symbol", "Meaning", given.prefixes ? "Items so far, drawn ones from byte 2 on" : "Items so far"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  return element(
    "table",
    { className: "bytes" },
    element("caption", {}, "Each byte leaves fewer items that share all bytes so far."),
    element("thead", {}, head),
    element("tbody", {}, ...rows),
  );
}

function sameList(others) {
  return [
    element("h3", {}, `Same SID: ${number(others.length)} more`),
    element("p", { className: "note" }, "Nothing that reads the SID can tell these from it."),
    ...paged(others.length, (at) => itemLink(others[at])),
  ];
}

function nearestList(place, sid) {
  const near = nearestOf(place);
  const heading = element("h3", {}, "Nearest by SID");
  if (!near.length) return [heading, element("p", { className: "note" }, "No item has another SID.")];
  const row = (at) => {
    const { place: other, distance } = near[at];
    const shared = sidOf(other).findIndex((symbol, byte) => symbol !== sid[byte]);
    return itemLink(other, { nShared: shared, before: words("distance", distance.toFixed(2)) });
  };
  return [
    heading,
    element(
      "p",
      { className: "note" },
      "With the distance, where 1 is as far as any two items; the bytes that it shares from the first on are bold.",
    ),
    ...paged(near.length, row),
  ];
}
