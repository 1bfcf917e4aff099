// The page: columns of bytes, the items under a prefix, one item. What is seen follows from the
// address, so that links, bookmarks and the button back work.
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
      category && words("category", title(category.name), ` ${percent(category.share)}`),
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

// The columns of a path: one for each byte of which several symbols occur, then the items.
function specsOf(prefix) {
  const path = pathTo(prefix);
  const specs = [];
  let node = root;
  for (let depth = 0; depth < width && !isOneSid(node); depth++) {
    const children = childrenOf(node);
    const chosen = children.length === 1 ? children[0] : path[depth + 1];
    if (children.length > 1) specs.push({ node, chosen, make: byteColumn });
    if (!chosen) break;
    node = chosen;
  }
  return { node, specs: [...specs, { node, make: itemsColumn }] };
}

// Whether all items of a prefix, those not drawn too, have one SID.
function isOneSid({ first, last, count }) {
  const [one, other] = [first, last - 1];
  return first < last && count === last - first && symbols.every((each) => each[one] === each[other]);
}

const keyOf = ({ node, make }) => `${make === itemsColumn ? "items" : "byte"} ${hexOf(node.prefix).join("")}`;

function showColumns(specs, place) {
  const kept = specs.findIndex((spec, at) => columns.children[at]?.dataset.key !== keyOf(spec));
  if (kept >= 0) {
    while (columns.children.length > kept) columns.lastChild.remove();
    columns.append(...specs.slice(kept).map((spec) => spec.make(spec)));
  } else {
    while (columns.children.length > specs.length) columns.lastChild.remove();
  }
  const chosen = new Set(specs.map((spec) => spec.chosen && hexOf(spec.chosen.prefix).join("")));
  for (const link of columns.querySelectorAll("a")) {
    const { prefix, place: own } = link.dataset;
    const isChosen = own === undefined ? chosen.has(prefix) : Number(own) === place;
    if (isChosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// Bring what is chosen into sight, in its column and among the columns, but leave the page in place.
function scrollToChosen() {
  columns.scrollLeft = columns.scrollWidth;
  for (const each of columns.querySelectorAll(".byte")) {
    const link = each.querySelector("[aria-current]");
    if (!link) continue;
    const [box, row] = [each.getBoundingClientRect(), link.getBoundingClientRect()];
    if (row.top < box.top || row.bottom > box.bottom) each.scrollTop += row.top - box.top - box.height / 3;
  }
}

function showPath(node) {
  const links = [root.prefix, ...node.prefix.map((_, at) => node.prefix.slice(0, at + 1))].map((prefix) =>
    element("a", { href: hashOf(prefix) }, prefix.length ? hexOf(prefix).at(-1) : "All items"),
  );
  links.at(-1).setAttribute("aria-current", "page");
  byId("path").replaceChildren(...links);
}

function render() {
  const { prefix, place, missing } = whereIs(location.hash);
  const { node, specs } = specsOf(prefix);
  document.body.dataset.view = place === null ? "tree" : "item";
  showPath(node);
  showColumns(specs, place);
  showItem(place, prefix);
  scrollToChosen();
  byId("found").textContent = missing ? `There is ${missing} on this page.` : "";
}

byId("order").addEventListener("change", (event) => {
  bySymbol = event.target.value === "symbol";
  columns.replaceChildren();
  render();
});

byId("any").addEventListener("click", () => (location.hash = hashOf(null, Math.floor(Math.random() * n))));

const asked = byId("asked");
asked.addEventListener("input", () => {
  const { total, places } = search(asked.value, PAGE);
  hits.replaceChildren(...places.map((place) => element("li", {}, itemLink(place))));
  const first = total > places.length ? `, the first ${places.length} are shown` : "";
  byId("found").textContent = asked.value.trim() ? `${items(total)} found${first}` : "";
});
asked.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeHits();
  if (event.key === "ArrowDown") hits.querySelector("a")?.focus();
});
function closeHits() {
  asked.value = "";
  hits.replaceChildren();
}

// Arrows walk: up and down a list, right into a prefix, left back out.
document.addEventListener("keydown", (event) => {
  const link = document.activeElement;
  const list = link?.closest?.("#columns .list, #hits");
  if (!list || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(link);
  const beside = (step) => {
    const other = list.closest(".column")?.[step];
    return other?.querySelector("a[aria-current]") ?? other?.querySelector("a");
  };
  const go = {
    ArrowDown: () => links[at + 1],
    ArrowUp: () => links[at - 1] ?? (list === hits ? asked : null),
    Home: () => links[0],
    End: () => links.at(-1),
    ArrowLeft: () => beside("previousElementSibling"),
    ArrowRight: () => {
      if (link.dataset.prefix !== undefined && !link.ariaCurrent) {
        history.pushState(null, "", link.hash);
        render();
      }
      return beside("nextElementSibling");
    },
  }[event.key];
  if (!go || at < 0) return;
  event.preventDefault();
  go()?.focus();
});

window.addEventListener("hashchange", () => {
  if (hits.contains(document.activeElement)) closeHits();
  render();
});
byId("browse").hidden = false;
render();
requestAnimationFrame(() => performance.mark("first columns"));
