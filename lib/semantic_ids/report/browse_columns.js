// What a column shows: the symbols of a byte under a prefix, or its items.
const PAGE = 50;
const phone = matchMedia("(max-width: 48rem)");
const byId = (id) => document.getElementById(id);
const [columns, panel, hits] = ["columns", "item", "hits"].map(byId);
const number = (value) => value.toLocaleString("en");
const items = (count) => `${number(count)} ${count === 1 ? "item" : "items"}`;
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function element(tag, values, ...children) {
  const { data, ...others } = values;
  const made = Object.assign(document.createElement(tag), others);
  Object.assign(made.dataset, data);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
const words = (className, ...texts) => element("span", { className }, ...texts);
const title = (text) => element("bdi", {}, text);

// A list that shows one page of its rows, then as many more as are asked for.
function paged(count, rowOf, least = 0) {
  const list = element("ul", { className: "list" });
  const more = element("button", { type: "button", className: "more" });
  let shown = 0;
  const show = (until) => {
    for (; shown < Math.min(until, count); shown++) list.append(element("li", {}, rowOf(shown)));
    more.hidden = shown >= count;
    more.textContent = `Show ${number(Math.min(PAGE, count - shown))} more of ${number(count)}`;
  };
  more.addEventListener("click", () => {
    const next = shown;
    show(shown + PAGE);
    list.children[next].querySelector("a").focus();
  });
  show(Math.max(PAGE, least));
  return [list, more];
}

let bySymbol = false;

function byteColumn({ node, chosen }) {
  const depth = node.prefix.length;
  const symbolsOf = [...childrenOf(node)];
  if (!bySymbol) symbolsOf.sort((a, b) => b.count - a.count);
  const most = Math.max(...symbolsOf.map((child) => child.count));
  const row = (at) => {
    const child = symbolsOf[at];
    const { titles, category, spread } = summaryOf(child);
    const bar = element("span", { className: "bar" });
    bar.style.width = `${(100 * child.count) / most}%`;
    const none = child.first === child.last;
    return element(
      "a",
      { href: hashOf(child.prefix), data: { prefix: hexOf(child.prefix).join("") } },
      words("symbol", hexOf(child.prefix).at(-1)),
      words(
        "count",
        `${items(child.count)} · ${percent(child.count / node.count)}`,
        spread === null ? "" : ` · ${isOneSid(child) ? "one SID" : `spread ${spread.toFixed(2)}`}`,
      ),
      words("gauge", bar),
      none ? words("title muted", "none of them was drawn") : null,
      ...titles.map((text) => element("span", { className: "title", title: text }, title(text))),
      category &&
        words("category", title(given.category), ": ", title(category.name), ` ${percent(category.share)}`),
    );
  };
  const at = symbolsOf.findIndex((child) => child === chosen);
  const heading = element("h2", {}, `Byte ${depth}`);
  const under = depth ? ` under ${hexOf(node.prefix).join(" ")}` : "";
  const about = element("p", {}, `${symbolsOf.length} of ${terms[depth].length} symbols occur${under}`);
  return column(`byte ${hexOf(node.prefix).join("")}`, heading, about, ...paged(symbolsOf.length, row, at + 1));
}

function itemsColumn({ node }) {
  const depth = node.prefix.length;
  const shown = node.last - node.first;
  const { spread } = summaryOf(node);
  const heading = element("h2", {}, depth ? `Items under ${hexOf(node.prefix).join(" ")}` : "All items");
  const said = [
    node.count > shown ? `${number(shown)} of ${items(node.count)} were drawn` : items(shown),
    depth && spread !== null ? `spread ${spread.toFixed(2)}` : null,
  ];
  const row = (at) => itemLink(node.first + at, { prefix: node.prefix, nShared: depth });
  const about = element("p", {}, said.filter(Boolean).join(" · "));
  return column(`items ${hexOf(node.prefix).join("")}`, heading, about, ...paged(shown, row));
}

function column(key, heading, about, ...list) {
  heading.id = `column-${key.replace(" ", "-")}`;
  const head = element("header", {}, heading, about);
  const made = element("section", { className: `column ${key.split(" ")[0]}`, data: { key } }, head, ...list);
  made.setAttribute("aria-labelledby", heading.id);
  return made;
}

// The bytes of an item's SID, the first ones set apart.
function sidOfItem(place, nShared) {
  const sid = hexOf(sidOf(place));
  return words("sid", words("shared", sid.slice(0, nShared).join(" ")), ` ${sid.slice(nShared).join(" ")}`);
}

function itemLink(place, { prefix = null, nShared = 0, before = null } = {}) {
  return element(
    "a",
    { href: hashOf(prefix, place), data: { place } },
    before,
    element("span", { className: "title", title: titleOf(place) }, title(titleOf(place))),
    element(
      "span",
      { className: "facts" },
      sidOfItem(place, nShared),
      given.titles && title(given.ids[place]),
      categoryNameOf(place) && title(categoryNameOf(place)),
    ),
  );
}
