// The sample browser: all samples that are on the page, searched, filtered, sorted.
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

// Filters: what may be chosen in each, and what a choice keeps.
const wordsIn = (suite, of) => [...new Set(suite.arms.flatMap((arm) => of(arm).words))].filter(Boolean).map((word) => [word, word]);
const FILTERS = [
  ["Show", (suite) => [
    ["", "all"], ["disagree", "arms disagree"], ...(suite.critical.length ? [["critical", "critical"]] : []),
    ...suite.arms.map((arm, place) => [place, `not passed by ${arm.label}`]),
  ], (suite, value, sample) => value === "disagree" ? spread(suite, sample) > 0
    : value === "critical" ? suite.critical.includes(sample)
    : (passShare(suite.arms[Number(value)], sample) ?? 1) < 1],
  ["Status", (suite) => [["", "any"], ...wordsIn(suite, (arm) => arm.status)],
    (suite, value, sample) => some(suite, sample, (arm, place) => wordAt(arm.status, place) === value)],
  ["Rung", (suite) => [["", "any"], ...wordsIn(suite, (arm) => arm.rung)],
    (suite, value, sample) => some(suite, sample, (arm, place) => wordAt(arm.rung, place) === value)],
  ["Slice", (suite) => [["", "any"], ...Object.entries(suite.slices).flatMap(([name, own]) =>
    own.values.map((value, code) => [JSON.stringify([name, code]), `${name}: ${value}`]))],
    (suite, value, sample) => {
      const [name, code] = JSON.parse(value);
      return at(suite.slices[name].codes, sample) === code;
    }],
];
const filtersOf = (suite, list) => FILTERS.map(([text, choices, holds]) => [...chooser(text, choices(suite), list), holds])
  .filter(([, field]) => field.options.length > 2);

// Orders: the number by which samples are sorted; ids as people count.
const byName = new Intl.Collator("en", { numeric: true });
const SORTS = [["score", "lowest mean score"], ["spread", "disagreement"], ["id", "id"]];
const sortSamples = (suite, samples, by) => {
  if (by === "id") return samples.sort((a, b) => byName.compare(suite.ids[a], suite.ids[b]) || a - b);
  const keyed = by === "spread" ? (sample) => -spread(suite, sample) : (sample) => meanScore(suite, sample);
  const keys = new Map(samples.map((sample) => [sample, keyed(sample)]));
  return samples.sort((a, b) => compareKeys(keys.get(a), keys.get(b), 1) || a - b);
};
const foundSamples = (suite, word, filters, by) => {
  const hits = word ? textsWith(word) : null;
  const found = suite.ids.map((_, sample) => sample).filter((sample) =>
    (!word || matches(suite, sample, word, hits)) &&
    filters.every(([, field, holds]) => !field.value || holds(suite, field.value, sample)));
  return sortSamples(suite, found, by);
};

const markOf = (arm, sample) => {
  const places = arm.places[sample];
  if (!places.length) return "–";
  const share = passShare(arm, sample);
  const words = [...new Set(places.map((place) => wordAt(arm.status, place)))].filter((word) => word !== "ok");
  const passed = share === null ? "?" : share === 1 ? "✓" : share === 0 ? "✗" : `${Math.round(100 * share)}%`;
  return [passed, ...words].join(" ");
};
const sampleRow = (suite, sample) => {
  const row = make("tr"), name = make("th"), mean = meanScore(suite, sample);
  name.scope = "row";
  name.append(sampleLink(suite, sample, suite.ids[sample] || EMPTY));
  row.append(name, make("td", mean === null ? "–" : mean.toFixed(2), "number"), ...suite.arms.map((arm) => make("td", markOf(arm, sample), "mark")));
  return row;
};
const sampleTable = (suite, samples, total) => {
  const table = make("table");
  table.append(make("caption", `${suite.name}: ${figure(total)} of ${figure(suite.ids.length)} samples`));
  table.createTHead().append(headRow([["sample", ""], ["mean score", "number"], ...suite.arms.map((arm) => [arm.label, ""])]));
  table.createTBody().append(...samples.map((sample) => sampleRow(suite, sample)));
  return table;
};

// Controls: suite, search, filters, order. Each change lists anew.
const addControls = (into, listed) => {
  let suite = data.suites[0], filters = [], waiting = 0;
  const list = () => listed(suite, foundSamples(suite, searchField.value.trim().toLowerCase(), filters, sortField.value));
  const pickSuite = () => {
    suite = data.suites[Number(suiteField.value)];
    filters = filtersOf(suite, list);
    into.replaceChildren(...(data.suites.length > 1 ? [suiteLabel] : []), searchLabel, ...filters.map((own) => own[0]), sortLabel);
    list();
  };
  const [suiteLabel, suiteField] = chooser("Suite", data.suites.map((own, place) => [place, own.name]), pickSuite);
  const [searchLabel, searchField] = searcher(data.redacted ? "Search ids" : "Search ids, inputs, outputs", () => {
    clearTimeout(waiting);
    waiting = setTimeout(list, 150);
  });
  const [sortLabel, sortField] = chooser("Sort by", SORTS, list);
  pickSuite();
};
const addToContents = () => {
  const item = make("li"), link = make("a", "All samples");
  link.href = "#samples";
  item.append(link);
  const listed = document.querySelector('nav a[href="#look-first"]');
  if (listed) listed.parentElement.after(item);
  else document.querySelector("nav ul").append(item);
};
const addBrowser = () => {
  const section = make("section"), heading = make("h2", "All samples");
  section.id = "samples";
  section.setAttribute("aria-labelledby", heading.id = "h-samples");
  heading.tabIndex = -1;
  let shown = data.suites[0], found = [];
  const neighbours = (suite, sample) => {
    const place = suite === shown ? found.indexOf(sample) : -1;
    return place < 0 ? [] : [found[place - 1], found[place + 1]];
  };
  const controls = make("div", undefined, "controls"), region = wide(null, "The samples found");
  const pages = pager((from, end) => region.replaceChildren(sampleTable(shown, found.slice(from, end), found.length)));
  const { detail, follow, drawWays } = sampleOpener(heading, neighbours);
  const notes = [...data.notes, ...data.suites.map((own) => own.left_out)].filter(Boolean);
  section.append(heading, ...notes.map((note) => make("p", note)), detail, controls, pages.box, region);
  const before = document.getElementById("look-first");
  if (before) before.after(section);
  else document.getElementById("main").append(section);
  addToContents();
  addControls(controls, (suite, samples) => {
    [shown, found] = [suite, samples];
    pages.count(found.length);
    drawWays();
  });
  follow();
};
