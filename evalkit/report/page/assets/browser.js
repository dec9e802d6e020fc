// The sample browser: all samples that are on the page, searched, filtered, sorted; one opened with all its arms.
const meanOf = (values) => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
const passShare = (arm, sample) =>
  meanOf(arm.places[sample].map((place) => at(arm.passed, place)).filter((value) => value !== null));
const meanScore = (suite, sample) =>
  meanOf(suite.arms.flatMap((arm) => arm.places[sample].map((place) => at(arm.score, place))).filter((value) => value !== null));
const spread = (suite, sample) => {
  const shares = suite.arms.map((arm) => passShare(arm, sample)).filter((value) => value !== null);
  return shares.length ? Math.max(...shares) - Math.min(...shares) : 0;
};
const some = (suite, sample, holds) =>
  suite.arms.some((arm) => arm.places[sample].some((place) => holds(arm, place)));

// Numbers of the texts that hold a word; texts are lowered once.
let lowered = null;
const textsWith = (word) => {
  lowered ||= packed.map((_, number) => textOf(number).toLowerCase());
  return lowered.map((text) => text.includes(word));
};
const matches = (suite, sample, word, hits) =>
  suite.ids[sample].toLowerCase().includes(word) || hits[at(suite.input, sample)] ||
  hits[at(suite.target, sample)] || some(suite, sample, (arm, place) => hits[at(arm.text, place)]);

const markOf = (arm, sample) => {
  const places = arm.places[sample];
  if (!places.length) return "–";
  const share = passShare(arm, sample);
  const words = [...new Set(places.map((place) => wordAt(arm.status, place)))].filter((word) => word !== "ok");
  const passed = share === null ? "?" : share === 1 ? "✓" : share === 0 ? "✗" : `${Math.round(100 * share)}%`;
  return [passed, ...words].join(" ");
};

const addBrowser = () => {
  const section = make("section");
  section.id = "samples";
  section.setAttribute("aria-labelledby", "h-samples");
  const heading = make("h2", "All samples");
  heading.id = "h-samples";
  const detail = make("div", undefined, "sample");
  detail.hidden = true;
  const controls = make("div", undefined, "controls");
  const region = make("div", undefined, "wide");
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-labelledby", "h-samples");
  let suite = data.suites[0], found = [], opener = null;

  const pages = pager((from, end) => drawRows(found.slice(from, end)));
  const choose = (text, choices) => chooser(text, choices, () => list());
  const [suiteLabel, suiteField] = chooser("Suite", data.suites.map((own, place) => [place, own.name]), () => pickSuite());
  let waiting = 0;
  const [searchLabel, searchField] = searcher("Search ids, inputs, outputs", () => {
    clearTimeout(waiting);
    waiting = setTimeout(list, 150);
  });
  const [sortLabel, sortField] = choose("Sort by", [["score", "lowest mean score"], ["spread", "disagreement"], ["id", "id"]]);
  let filters = [];

  const optionsOf = (of) => [["", "any"], ...[...new Set(suite.arms.flatMap((arm) => of(arm).words))].filter(Boolean).map((word) => [word, word])];
  const pickSuite = () => {
    suite = data.suites[Number(suiteField.value)];
    const wrong = suite.arms.map((arm, place) => [`wrong-${place}`, `not passed by ${arm.label}`]);
    const slices = Object.entries(suite.slices).flatMap(([name, own]) => own.values.map((value, code) => [JSON.stringify([name, code]), `${name}: ${value}`]));
    const show = [["", "all"], ["disagree", "arms disagree"], ...(suite.critical.length ? [["critical", "critical"]] : []), ...wrong];
    filters = [
      ["show", ...choose("Show", show)], ["status", ...choose("Status", optionsOf((arm) => arm.status))],
      ["rung", ...choose("Rung", optionsOf((arm) => arm.rung))], ["slice", ...choose("Slice", [["", "any"], ...slices])],
    ].filter((own) => own[2].options.length > 2 || own[0] === "show");
    controls.replaceChildren(...(data.suites.length > 1 ? [suiteLabel] : []), searchLabel, ...filters.map((own) => own[1]), sortLabel);
    list();
  };
  const HOLDS = {
    show: (value, sample) => value === "disagree" ? spread(suite, sample) > 0
      : value === "critical" ? suite.critical.includes(sample)
      : (passShare(suite.arms[Number(value.slice(6))], sample) ?? 1) < 1,
    status: (value, sample) => some(suite, sample, (arm, place) => wordAt(arm.status, place) === value),
    rung: (value, sample) => some(suite, sample, (arm, place) => wordAt(arm.rung, place) === value),
    slice: (value, sample) => {
      const [name, code] = JSON.parse(value);
      return at(suite.slices[name].codes, sample) === code;
    },
  };
  const list = () => {
    const word = searchField.value.trim().toLowerCase();
    const hits = word ? textsWith(word) : null;
    found = suite.ids.map((_, sample) => sample).filter((sample) =>
      (!word || matches(suite, sample, word, hits)) &&
      filters.every(([kind, , field]) => !field.value || HOLDS[kind](field.value, sample)));
    const keys = new Map(found.map((sample) => [sample, sortField.value === "id" ? suite.ids[sample]
      : sortField.value === "spread" ? -spread(suite, sample) : meanScore(suite, sample)]));
    found.sort((a, b) => compareKeys(keys.get(a), keys.get(b), 1) || a - b);
    pages.count(found.length);
  };
  const drawRows = (samples) => {
    const table = make("table");
    table.append(make("caption", `${suite.name}: ${figure(found.length)} of ${figure(suite.ids.length)} samples`));
    const head = make("tr");
    for (const text of ["sample", "mean score", ...suite.arms.map((arm) => arm.label)]) {
      const cell = make("th", text);
      cell.scope = "col";
      head.append(cell);
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    const number = data.suites.indexOf(suite);
    for (const sample of samples) {
      const row = make("tr"), name = make("th"), link = make("a", suite.ids[sample] || "(empty)");
      name.scope = "row";
      link.href = `#s-${number}-${sample}`;
      name.append(link);
      const mean = meanScore(suite, sample);
      row.append(name, make("td", mean === null ? "-" : mean.toFixed(2), "number"), ...suite.arms.map((arm) => make("td", markOf(arm, sample))));
      body.append(row);
    }
    region.replaceChildren(table);
  };

  // One sample, opened: two arms side by side, to be chosen, and all others in a table.
  const factsOf = (own, sample) => {
    const said = Object.entries(own.slices).filter(([, one]) => at(one.codes, sample) >= 0)
      .map(([name, one]) => `${name}: ${one.values[at(one.codes, sample)]}`);
    if (own.critical.includes(sample)) said.unshift("critical");
    return said.join(" · ");
  };
  const trialsOf = (own, sample) => own.arms.flatMap((arm) => arm.places[sample].map((place) => [arm, place]));
  const nameOf = ([arm, place]) => arm.label + (arm.places.some((places) => places.length > 1) ? `, repeat ${at(arm.repeat, place)}` : "");
  const open = (own, sample) => {
    const title = make("h3", own.ids[sample] || "(empty)");
    title.tabIndex = -1;
    const trials = trialsOf(own, sample);
    const names = trials.map((trial, place) => [place, nameOf(trial)]);
    const sides = make("div");
    const draw = () => sides.replaceChildren(trials.length > 1
      ? sidesOf(trials[Number(left.value)], trials[Number(right.value)])
      : trials.length ? sideOf(...trials[0], null) : make("p", "not asked"));
    const [leftLabel, left] = chooser("Left", names, draw);
    const [rightLabel, right] = chooser("Right", names, draw);
    const first = (arm) => Math.max(0, trials.findIndex((trial) => trial[0] === own.arms[arm]));
    [left.value, right.value] = own.pair.map((arm) => String(first(arm)));
    const choice = make("p", undefined, "controls");
    if (trials.length > 1) choice.append(leftLabel, " ", rightLabel);
    const all = make("ul");
    for (const trial of trials) all.append(make("li", `${nameOf(trial)}: ${saidOf(...trial)}`));
    const closer = make("p", undefined, "controls");
    closer.append(button("Close (Esc)", close));
    detail.replaceChildren(title, make("p", factsOf(own, sample), "faint"), askedOf(own, sample), choice, sides, all, closer);
    draw();
    detail.hidden = false;
    title.focus({ preventScroll: true });
    detail.scrollIntoView({ block: "start" });
  };
  const close = () => {
    if (detail.hidden) return;
    detail.hidden = true;
    history.pushState(null, "", "#samples");
    if (opener && opener.isConnected) opener.focus();
    else heading.focus();
  };
  const follow = () => {
    const named = /^#s-(\d+)-(\d+)$/.exec(location.hash);
    const own = named && data.suites[Number(named[1])];
    if (own && Number(named[2]) < own.ids.length) open(own, Number(named[2]));
    else detail.hidden = true;
  };
  heading.tabIndex = -1;
  section.append(heading, ...[...data.notes, ...data.suites.map((own) => own.left_out)].filter(Boolean).map((note) => make("p", note)));
  section.append(detail, controls, pages.box, region);
  const before = document.getElementById("look-first");
  if (before) before.after(section);
  else document.getElementById("main").append(section);
  const item = make("li"), link = make("a", "All samples");
  link.href = "#samples";
  item.append(link);
  const listed = document.querySelector('nav a[href="#look-first"]');
  if (listed) listed.parentElement.after(item);
  else document.querySelector("nav ul").append(item);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#s-"]');
    if (link) opener = link;
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  addEventListener("hashchange", follow);
  pickSuite();
  follow();
};
