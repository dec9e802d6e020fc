// Tables: a button in each head sorts; rows without a value stay last. Long ones have a filter and pages.
const FILTERED_ROWS = 12;
const keyOf = (row, place) => {
  const key = row.cells[place].dataset.sort;
  if (key === undefined) return null;
  return key !== "" && isFinite(key) ? Number(key) : key;
};
const compareKeys = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === typeof b) return sign * (a < b ? -1 : a > b ? 1 : 0);
  return typeof a === "number" ? -1 : 1;
};
const sortTable = (table, head) => {
  const down = head.getAttribute("aria-sort") === "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, head.cellIndex), row]);
  rows.sort((x, y) => compareKeys(x[0], y[0], down ? 1 : -1));
  table.tBodies[0].append(...rows.map((pair) => pair[1]));
};
const addSorting = (table, sorted) => {
  for (const head of table.tHead.rows[0].cells) {
    const sorts = [...table.tBodies[0].rows].some((row) => keyOf(row, head.cellIndex) !== null);
    if (!sorts) continue;
    head.replaceChildren(button(head.textContent, () => {
      sortTable(table, head);
      sorted();
    }));
  }
};
const addFilter = (table) => {
  const words = new Map([...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]));
  let kept = [];
  const pages = pager((from, end) => {
    for (const row of table.tBodies[0].rows) row.hidden = true;
    for (const row of kept.slice(from, end)) row.hidden = false;
  });
  const keep = () => {
    const wanted = field.value.toLowerCase().split(/\s+/);
    kept = [...table.tBodies[0].rows].filter((row) => wanted.every((word) => words.get(row).includes(word)));
    pages.count(kept.length);
  };
  const [label, field] = searcher("Keep rows with", keep);
  pages.box.prepend(label, " ");
  table.parentElement.before(pages.box);
  keep();
  addEventListener("beforeprint", () => {
    for (const row of table.tBodies[0].rows) row.hidden = false;
  });
  addEventListener("afterprint", pages.again);
  return keep;
};
const addTables = () => {
  for (const table of document.querySelectorAll("main table")) {
    const rows = table.tBodies[0].rows.length;
    const keep = rows > FILTERED_ROWS ? addFilter(table) : () => {};
    if (rows > 1) addSorting(table, keep);
  }
};
