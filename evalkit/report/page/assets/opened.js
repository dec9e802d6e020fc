// One sample, opened: two trials side by side, to be chosen, and all of them in a table.
const factsOf = (suite, sample) => {
  const said = Object.entries(suite.slices).filter(([, one]) => at(one.codes, sample) >= 0)
    .map(([name, one]) => `${name}: ${one.values[at(one.codes, sample)]}`);
  if (suite.critical.includes(sample)) said.unshift("critical");
  return [suite.name, ...said].join(" · ");
};
const trialsOf = (suite, sample) => suite.arms.flatMap((arm) => arm.places[sample].map((place) => [arm, place]));

const BEGINNING = 60;
const beginning = (text) => {
  if (!text) return text === null ? null : EMPTY;
  const line = text.slice(0, 4 * BEGINNING).replace(/\s+/g, " ").trim();
  const start = line.slice(0, BEGINNING).replace(/[\ud800-\udbff]$/, "");
  return start.length < text.trim().length ? `${start} …` : start;
};
const passedWord = (passed) => passed === null ? null : passed ? "✓ passed" : "✗ not passed";
const TRIAL_COLUMNS = [
  ["status", "", (arm, place) => wordAt(arm.status, place)],
  ["rung", "", (arm, place) => wordAt(arm.rung, place)],
  ["score", "number", (arm, place) => at(arm.score, place)],
  ["passed", "mark", (arm, place) => passedWord(at(arm.passed, place))],
  ["latency", "number", (arm, place) => duration(at(arm.latency_ms, place))],
  ["cost", "number", (arm, place) => money(at(arm.cost_usd, place))],
  ["tries", "number", (arm, place) => at(arm.tries, place)],
  ["output begins", "begins", (arm, place) => beginning(textOf(at(arm.text, place)))],
  ["journal line", "number", (arm, place) => at(arm.line, place)],
];
const trialTable = (trials) => {
  const columns = TRIAL_COLUMNS.filter(([, , value]) => trials.some((trial) => value(...trial) !== null));
  const table = make("table");
  table.append(make("caption", "All trials of this sample"));
  table.createTHead().append(headRow([["arm", ""], ...columns]));
  const body = table.createTBody();
  for (const trial of trials) {
    const row = make("tr"), head = make("th");
    head.scope = "row";
    head.append(armName(trial[0], nameOf(trial)));
    row.append(head, ...columns.map(([, name, value]) => make("td", value(...trial) ?? "–", name)));
    body.append(row);
  }
  return wide(table, "All trials of this sample");
};

// Two trials, each to be chosen; at first those of the arms that the verdict is about.
const chosenSides = (suite, trials) => {
  const box = make("div"), sides = make("div"), choice = make("p", undefined, "controls");
  const names = trials.map((trial, place) => [place, nameOf(trial)]);
  const draw = () => sides.replaceChildren(sidesOf(trials[Number(left.value)], trials[Number(right.value)]));
  const [leftLabel, left] = chooser("First", names, draw);
  const [rightLabel, right] = chooser("Second", names, draw);
  const first = (arm) => Math.max(0, trials.findIndex((trial) => trial[0] === suite.arms[arm]));
  [left.value, right.value] = suite.pair.map((arm) => String(first(arm)));
  choice.append(leftLabel, " ", rightLabel);
  box.append(choice, sides);
  draw();
  return box;
};
const addressOf = (suite, sample) => `#s-${data.suites.indexOf(suite)}-${sample}`;
const sampleLink = (suite, sample, text) => {
  const link = make("a", text);
  link.href = addressOf(suite, sample);
  return link;
};
const sampleBody = (suite, sample) => {
  const trials = trialsOf(suite, sample);
  const answers = trials.length > 1 ? [chosenSides(suite, trials), trialTable(trials)]
    : [trials.length ? sideOf(...trials[0], null) : make("p", "not asked")];
  return [make("p", factsOf(suite, sample), "faint"), askedOf(suite, sample), ...answers];
};

// The place where a sample is opened: its address names it, Esc closes it and gives the focus back.
const sampleOpener = (heading, neighbours) => {
  const detail = make("div", undefined, "sample");
  detail.hidden = true;
  const ways = make("p", undefined, "controls");
  let opener = null, opened = null;
  const drawWays = () => {
    if (detail.hidden) return;
    const [suite] = opened, [before, after] = neighbours(...opened);
    ways.replaceChildren(button("Close (Esc)", close));
    if (after !== undefined) ways.prepend(sampleLink(suite, after, "next sample ▶"));
    if (before !== undefined) ways.prepend(sampleLink(suite, before, "◀ sample before"));
  };
  const close = () => {
    if (detail.hidden) return;
    detail.hidden = true;
    history.pushState(null, "", "#samples");
    (opener && opener.isConnected ? opener : heading).focus();
  };
  const open = (suite, sample) => {
    const title = make("h3", suite.ids[sample] || EMPTY);
    title.tabIndex = -1;
    opened = [suite, sample];
    detail.replaceChildren(title, ways, ...sampleBody(suite, sample));
    detail.hidden = false;
    drawWays();
    title.focus({ preventScroll: true });
    detail.scrollIntoView({ block: "start" });
  };
  const follow = () => {
    const named = /^#s-(\d+)-(\d+)$/.exec(location.hash);
    const suite = named && data.suites[Number(named[1])];
    if (suite && Number(named[2]) < suite.ids.length) open(suite, Number(named[2]));
    else detail.hidden = true;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#s-"]');
    if (!link || detail.contains(link)) return;
    opener = link;
    if (link.hash === location.hash) follow(); // it is open already: no change of the address tells so
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.target.matches("input, select")) close();
  });
  addEventListener("hashchange", follow);
  return { detail, follow, drawWays };
};
