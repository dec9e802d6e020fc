// Two texts word by word: what only the first says is struck through, what only the second says underlined.
const MOST_WORDS = 1500;
const wordsOf = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) || [];
const ends = (a, b) => {
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  const room = Math.min(a.length, b.length) - start;
  while (end < room && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  return [start, end];
};
// Lengths of the longest common subsequences of all ends of two lists.
const common = (a, b) => {
  const wide = b.length + 1;
  const long = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      long[i * wide + j] = a[i] === b[j] ? long[(i + 1) * wide + j + 1] + 1
        : Math.max(long[(i + 1) * wide + j], long[i * wide + j + 1]);
  return (i, j) => long[i * wide + j];
};
// Both texts as lists of [own, words]; null where they are too long to be compared.
const difference = (first, second) => {
  const a = wordsOf(first), b = wordsOf(second);
  const [start, end] = ends(a, b);
  const x = a.slice(start, a.length - end), y = b.slice(start, b.length - end);
  if (x.length > MOST_WORDS || y.length > MOST_WORDS) return null;
  const left = [], right = [];
  const add = (list, own, words) => {
    if (!words) return;
    const before = list[list.length - 1];
    if (before && before[0] === own) before[1] += words;
    else list.push([own, words]);
  };
  const same = (words) => { add(left, false, words); add(right, false, words); };
  same(a.slice(0, start).join(""));
  const long = common(x, y);
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { same(x[i]); i += 1; j += 1; }
    else if (j === y.length || (i < x.length && long(i + 1, j) >= long(i, j + 1))) { add(left, true, x[i]); i += 1; }
    else { add(right, true, y[j]); j += 1; }
  }
  same(end ? a.slice(-end).join("") : "");
  return [left, right];
};
