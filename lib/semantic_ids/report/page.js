"use strict";

// Numbers by value, then texts, then what is missing, whichever the direction.
const collator = new Intl.Collator(undefined, { numeric: true });
const keyOf = (cell) => {
  if (cell.classList.contains("none")) return null;
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
};
const rankOf = (key) => (key === null ? 2 : typeof key === "string" ? 1 : 0);
const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);

function makeSortable(table, rows, show) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const keyed = rows.map((row) => [keyOf(row.cells[place]), row]);
      keyed.sort(([a], [b]) => {
        const ranks = rankOf(a) - rankOf(b);
        if (ranks || a === null) return ranks;
        return descending ? compare(b, a) : compare(a, b);
      });
      show(keyed.map(([, row]) => row));
    });
  });
}

function makeFoldable(table, rows, shown) {
  if (rows.length <= shown) return;
  const button = document.createElement("button");
  button.type = "button";
  const set = (folded) => {
    table.classList.toggle("folded", folded);
    button.setAttribute("aria-expanded", String(!folded));
    button.textContent = folded
      ? `Show all ${rows.length.toLocaleString("en")} rows`
      : `Show ${shown} rows`;
  };
  button.addEventListener("click", () => set(!table.classList.contains("folded")));
  set(true);
  table.closest("section").querySelector(".tools").prepend(button);
}

for (const table of document.querySelectorAll("table")) {
  const rows = [...table.tBodies[0].rows];
  const shown = Number(table.dataset.rowsShown);
  const show = (sorted) => {
    sorted.forEach((row, place) => row.classList.toggle("after", place >= shown));
    table.tBodies[0].append(...sorted);
  };
  show(rows);
  makeSortable(table, rows, show);
  makeFoldable(table, rows, shown);
}

// A box that scrolls can be reached by the keyboard.
const boxes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".scroll")) boxes.observe(box);
