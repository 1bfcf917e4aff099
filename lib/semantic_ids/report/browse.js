// The page: which columns and which item are seen. All of it follows from the address, so that links,
// bookmarks and the button back work.

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
