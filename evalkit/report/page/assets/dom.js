// Elements are made and filled with text: no text of a run is ever read as HTML.
const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const button = (text, act) => {
  const made = make("button", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};
const labelled = (text, control) => {
  const label = make("label", `${text} `);
  label.append(control);
  return label;
};
const chooser = (text, choices, act) => {
  const select = make("select");
  for (const [value, said] of choices) {
    const option = make("option", said);
    option.value = value;
    select.append(option);
  }
  select.addEventListener("change", act);
  return [labelled(text, select), select];
};
const searcher = (text, act) => {
  const field = make("input");
  field.type = "search";
  field.addEventListener("input", act);
  return [labelled(text, field), field];
};
const status = (text) => {
  const made = make("span", text);
  made.setAttribute("role", "status");
  return made;
};
// A table in a region that scrolls by itself, by keys too.
const wide = (table, said) => {
  const region = make("div", undefined, "wide");
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", said);
  if (table) region.append(table);
  return region;
};
// The head of a table: [text, class] of each column.
const headRow = (columns) => {
  const row = make("tr");
  for (const [text, name] of columns) {
    const cell = make("th", text, name);
    cell.scope = "col";
    row.append(cell);
  }
  return row;
};
const figure = (number) => number.toLocaleString("en");

// Pages of a long list: buttons that turn them, and where the reader is.
const PAGE_ROWS = 100;
const pager = (show) => {
  const box = make("p", undefined, "controls");
  const said = status("");
  let page = 0, total = 0;
  const last = () => Math.max(0, Math.ceil(total / PAGE_ROWS) - 1);
  const turn = (to) => {
    page = Math.min(Math.max(to, 0), last());
    const from = page * PAGE_ROWS, end = Math.min(total, from + PAGE_ROWS);
    said.textContent = total ? ` ${figure(from + 1)} to ${figure(end)} of ${figure(total)} ` : " none ";
    before.disabled = page === 0;
    after.disabled = page === last();
    show(from, end);
  };
  const before = button("◀ before", () => turn(page - 1));
  const after = button("next ▶", () => turn(page + 1));
  box.append(before, said, after);
  const again = () => turn(page);
  return { box, again, count: (rows) => { total = rows; before.hidden = after.hidden = rows <= PAGE_ROWS; turn(0); } };
};
