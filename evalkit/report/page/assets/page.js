"use strict";
(() => {
  const make = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  // Tables: a button in each head sorts; rows without a value stay last.
  const keyOf = (row, column) => {
    const key = row.cells[column].dataset.sort;
    if (key === undefined) return null;
    return key !== "" && isFinite(key) ? Number(key) : key;
  };
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === typeof b) return sign * (a < b ? -1 : a > b ? 1 : 0);
    return typeof a === "number" ? -1 : 1;
  };
  const sortBy = (table, head) => {
    const down = head.getAttribute("aria-sort") === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, head.cellIndex), row]);
    rows.sort((x, y) => compare(x[0], y[0], down ? 1 : -1));
    table.tBodies[0].append(...rows.map((pair) => pair[1]));
  };
  // A field above each long table keeps the rows that hold its words, and says how many.
  const addFilter = (table) => {
    const rows = [...table.tBodies[0].rows];
    const words = rows.map((row) => row.textContent.toLowerCase());
    const label = make("label", "Keep rows with ", "filter");
    const field = make("input");
    field.type = "search";
    const count = make("span", `${rows.length} rows`);
    count.setAttribute("role", "status");
    label.append(field, " ", count);
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/);
      let kept = 0;
      rows.forEach((row, place) => {
        row.hidden = !wanted.every((word) => words[place].includes(word));
        kept += !row.hidden;
      });
      count.textContent = `${kept} of ${rows.length} rows`;
    });
    table.parentElement.before(label);
  };
  for (const table of document.querySelectorAll("table")) {
    if (table.tBodies[0].rows.length > 12) addFilter(table);
    if (table.tBodies[0].rows.length < 2) continue;
    for (const head of table.tHead.rows[0].cells) {
      const sorts = [...table.tBodies[0].rows].some((row) => keyOf(row, head.cellIndex) !== null);
      if (!sorts) continue;
      const button = make("button", head.textContent);
      button.type = "button";
      button.addEventListener("click", () => sortBy(table, head));
      head.replaceChildren(button);
    }
  }

  // Cases: opened, they show what was asked and both outputs, as text and nothing else.
  const block = document.getElementById("data");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const packed = document.getElementById("texts").textContent.split("\n");
  const plain = { "\\": "\\", n: "\n", r: "\r", l: "<" };
  const textOf = (number) =>
    number < 0 ? null : packed[number].replace(/\\(.)/g, (_, c) => plain[c]);
  const shownText = (into, title, number) => {
    const text = textOf(number);
    if (text === null) return;
    into.append(make("strong", title), make("pre", text));
  };
  const side = (suite, sample, place) => {
    const box = make("div");
    const arm = suite.arms[place];
    box.append(make("h4", arm.label));
    const own = arm.trials.filter((trial) => trial[0] === sample);
    if (!own.length) box.append(make("p", "not asked"));
    for (const [, repeat, status, rung, score, passed, text, reason, line] of own) {
      const said = [`repeat ${repeat}`, status];
      if (rung) said.push(rung);
      if (score !== null) said.push(`score ${score}`);
      if (passed !== null) said.push(passed ? "✓ passed" : "✗ not passed");
      box.append(make("p", said.join(" · ")));
      shownText(box, "output", text);
      shownText(box, "graders", reason);
      box.append(make("small", `${data.journals[arm.run]}:${line}`));
    }
    return box;
  };
  const fill = (details) => {
    if (details.dataset.filled) return;
    details.dataset.filled = "yes";
    const [, suiteNumber, sample] = details.dataset.case.split("-").map(Number);
    const suite = data.suites[suiteNumber];
    const [input, target] = suite.samples[sample];
    const asked = make("div", undefined, "asked");
    shownText(asked, "input", input);
    shownText(asked, "target", target);
    if (asked.childNodes.length) details.append(asked);
    if (data.redacted) details.append(make("p", "Texts are left out of this page."));
    const sides = make("div", undefined, "sides");
    for (const place of new Set(details.dataset.arms.split(",").map(Number)))
      sides.append(side(suite, sample, place));
    details.append(sides);
  };
  const cases = document.querySelectorAll("details[data-case]");
  for (const details of cases) details.addEventListener("toggle", () => fill(details));
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) {
      if (details.dataset.case) fill(details);
      details.open = true;
    }
  });
})();
