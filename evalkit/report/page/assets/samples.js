// The data block: columns of figures, and texts by number, each unpacked when it is shown.
const block = document.getElementById("data");
const data = block && JSON.parse(block.textContent);
const packed = block ? document.getElementById("texts").textContent.split("\n") : [];
const PLAIN = { "\\": "\\", n: "\n", r: "\r", l: "<" };
const textOf = (number) =>
  number < 0 ? null : packed[number].replace(/\\(.)/g, (_, letter) => PLAIN[letter]);
const at = (column, place) =>
  Array.isArray(column) ? column[place]
    : column !== null && typeof column === "object" ? column.from + place : column;
const wordAt = (column, place) => column.words[at(column.codes, place)];

// The places of a sample's trials in each arm's columns.
const addPlaces = (suite) => {
  for (const arm of suite.arms) {
    arm.places = suite.ids.map(() => []);
    for (let place = 0; place < arm.n; place += 1) arm.places[at(arm.sample, place)].push(place);
  }
};

const duration = (ms) =>
  ms === null ? null : ms < 1000 ? `${ms} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
const money = (usd) => usd === null ? null : `$${usd.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })}`;
const saidOf = (arm, place) => {
  const said = [wordAt(arm.status, place)];
  if (wordAt(arm.rung, place)) said.push(wordAt(arm.rung, place));
  if (at(arm.score, place) !== null) said.push(`score ${at(arm.score, place)}`);
  if (at(arm.passed, place) !== null) said.push(at(arm.passed, place) ? "✓ passed" : "✗ not passed");
  if (at(arm.latency_ms, place) !== null) said.push(duration(at(arm.latency_ms, place)));
  if (at(arm.cost_usd, place) !== null) said.push(money(at(arm.cost_usd, place)));
  if (at(arm.tries, place) > 1) said.push(`${at(arm.tries, place)} attempts`);
  return said.join(" · ");
};

// A long text is shown by its beginning; parts are [own, words], and the own ones are set off by a tag.
const MOST_SHOWN = 4000;
const startOf = (parts) => {
  const kept = [];
  let room = MOST_SHOWN;
  for (const [own, words] of parts) {
    if (room <= 0) break;
    kept.push([own, words.length <= room ? words : words.slice(0, room).replace(/[\ud800-\udbff]$/, "")]);
    room -= words.length;
  }
  return kept;
};
const EMPTY = "(empty)";
const textBox = (parts, tag) => {
  if (!parts.length) return [make("p", EMPTY, "faint")];
  const made = make("pre");
  made.tabIndex = 0;
  const draw = (some) => made.replaceChildren(...some.map(([own, words]) => own ? make(tag, words) : words));
  const long = parts.reduce((sum, part) => sum + part[1].length, 0);
  const start = startOf(parts);
  draw(start);
  if (long <= MOST_SHOWN) return [made];
  const apart = parts.some((part) => part[0]) && !start.some((part) => part[0]);
  const note = make("p", `The first ${figure(MOST_SHOWN)} of ${figure(long)} characters${apart ? "; the difference is further on" : ""}. `, "more");
  note.append(button("Show all", () => {
    draw(parts);
    note.remove();
    made.focus();
  }));
  return [made, note];
};
const shownText = (into, title, number) => {
  const text = textOf(number);
  if (text !== null) into.append(make("strong", title), ...textBox(text ? [[false, text]] : []));
};

// What was asked, and what was wanted.
const askedOf = (suite, sample) => {
  const asked = make("div", undefined, "asked");
  shownText(asked, "input", at(suite.input, sample));
  shownText(asked, "target", at(suite.target, sample));
  if (!asked.childNodes.length)
    asked.append(make("p", data.redacted ? "Texts are left out of this page." : `Neither input nor target is on this page${suite.no_inputs ? `: ${suite.no_inputs}` : ""}.`));
  return asked;
};
// A trial is [arm, place]; repeats are told apart.
const nameOf = ([arm, place]) =>
  arm.label + (arm.places.some((places) => places.length > 1) ? `, repeat ${at(arm.repeat, place)}` : "");
const armName = (arm, said) => {
  const made = make("div", undefined, "arm"), swatch = make("span", undefined, `swatch b-${arm.colour}`);
  swatch.setAttribute("aria-hidden", "true");
  made.append(swatch, make("span", said));
  return made;
};
// One arm's answer; `drawn` is its output with the words marked that are its own, else null.
const sideOf = (arm, place, drawn) => {
  const box = make("div");
  const asked = place !== undefined;
  box.append(armName(arm, (asked ? nameOf([arm, place]) : arm.label) + (arm.recorded ? " (recorded)" : "")),
    make("p", asked ? saidOf(arm, place) : "not asked"));
  if (!asked) return box;
  if (drawn) box.append(make("strong", "output"), ...drawn);
  else shownText(box, "output", at(arm.text, place));
  shownText(box, "graders", at(arm.reason, place));
  box.append(make("small", `${data.journals[arm.run]}:${at(arm.line, place)}`));
  return box;
};
// Two answers side by side, with the words in which they differ.
const toldOf = (left, right, apart) => {
  if (left === null || right === null) return "";
  if (left === right) return "Both outputs are the same.";
  if (!apart) return "The outputs are too long to be compared word by word.";
  if (left.replace(/\s+/g, "") === right.replace(/\s+/g, "")) return "The outputs differ in white space alone.";
  return "Struck through: only in the first output; underlined: only in the second.";
};
const sidesOf = (first, second) => {
  const sides = make("div", undefined, "sides");
  const [left, right] = [first, second].map(([arm, place]) => place === undefined ? null : textOf(at(arm.text, place)));
  const both = left !== null && right !== null && left !== right;
  const apart = both ? difference(left, right) : null;
  sides.append(sideOf(...first, apart && textBox(apart[0], "del")), sideOf(...second, apart && textBox(apart[1], "ins")));
  const box = make("div"), told = toldOf(left, right, apart);
  if (told) box.append(make("p", told, "faint"));
  box.append(sides);
  return box;
};

// Cases opened: what was asked and both outputs.
const fillCase = (details) => {
  if (details.dataset.filled) return;
  details.dataset.filled = "yes";
  const [, number, sample] = details.dataset.case.split("-").map(Number);
  const suite = data.suites[number];
  const arms = [...new Set(details.dataset.arms.split(",").map(Number))].map((place) => suite.arms[place]);
  details.append(askedOf(suite, sample));
  const repeats = Math.max(...arms.map((arm) => arm.places[sample].length));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const own = arms.map((arm) => [arm, arm.places[sample][repeat]]);
    details.append(own.length === 2 ? sidesOf(...own) : sideOf(...own[0], null));
  }
  const link = make("a", "open this sample with all arms");
  link.href = details.dataset.case;
  details.append(link);
};
const addCases = () => {
  for (const details of document.querySelectorAll("details[data-case]"))
    details.addEventListener("toggle", () => fillCase(details));
  // On paper everything is open; afterwards the page is as the reader had it.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) {
      if (details.dataset.case) fillCase(details);
      details.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
};
