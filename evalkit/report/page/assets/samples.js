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
const saidOf = (arm, place) => {
  const said = [wordAt(arm.status, place)];
  if (wordAt(arm.rung, place)) said.push(wordAt(arm.rung, place));
  if (at(arm.score, place) !== null) said.push(`score ${at(arm.score, place)}`);
  if (at(arm.passed, place) !== null) said.push(at(arm.passed, place) ? "✓ passed" : "✗ not passed");
  if (at(arm.latency_ms, place) !== null) said.push(duration(at(arm.latency_ms, place)));
  if (at(arm.cost_usd, place) !== null) said.push(`$${at(arm.cost_usd, place)}`);
  if (at(arm.tries, place) > 1) said.push(`${at(arm.tries, place)} attempts`);
  return said.join(" · ");
};
const pre = (text) => {
  const made = make("pre", text);
  made.tabIndex = 0;
  return made;
};
const shownText = (into, title, number) => {
  const text = textOf(number);
  if (text !== null) into.append(make("strong", title), pre(text));
};
const marked = (parts, tag) => {
  const made = pre();
  for (const [own, words] of parts) made.append(own ? make(tag, words) : words);
  return made;
};

// What was asked, and what was wanted.
const askedOf = (suite, sample) => {
  const asked = make("div", undefined, "asked");
  shownText(asked, "input", at(suite.input, sample));
  shownText(asked, "target", at(suite.target, sample));
  if (!asked.childNodes.length)
    asked.append(make("p", data.redacted ? "Texts are left out of this page." : suite.no_inputs || "Neither input nor target is on this page."));
  return asked;
};
// One arm's answer; `drawn` is its output with the words marked that are its own, else null.
const sideOf = (arm, place, drawn) => {
  const box = make("div");
  box.append(make("p", arm.label + (arm.recorded ? " (recorded)" : ""), "arm"));
  if (place === undefined) {
    box.append(make("p", "not asked"));
    return box;
  }
  box.append(make("p", saidOf(arm, place)));
  if (drawn) box.append(make("strong", "output"), drawn);
  else shownText(box, "output", at(arm.text, place));
  shownText(box, "graders", at(arm.reason, place));
  box.append(make("small", `${data.journals[arm.run]}:${at(arm.line, place)}`));
  return box;
};
// Two answers side by side, with the words in which they differ.
const sidesOf = (first, second) => {
  const sides = make("div", undefined, "sides");
  const texts = [first, second].map(([arm, place]) => place === undefined ? null : textOf(at(arm.text, place)));
  const both = texts[0] !== null && texts[1] !== null && texts[0] !== texts[1];
  const apart = both ? difference(texts[0], texts[1]) : null;
  sides.append(sideOf(...first, apart && marked(apart[0], "del")), sideOf(...second, apart && marked(apart[1], "ins")));
  const box = make("div");
  const told = !both ? (texts[0] !== null && texts[0] === texts[1] ? "Both outputs are the same." : "")
    : apart ? "Struck through: only in the first output; underlined: only in the second." : "The outputs are too long to be compared word by word.";
  box.append(sides);
  if (told) box.append(make("p", told, "faint"));
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
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) {
      if (details.dataset.case) fillCase(details);
      details.open = true;
    }
  });
};
