// The page follows the reader's system until it is told otherwise; the choice is kept where it may be.
const KEPT = "evalkit-colours";
const kept = (act) => {
  try {
    return act();
  } catch (error) {
    if (error instanceof DOMException) return null; // a page from disk may have no storage
    throw error;
  }
};
const addThemes = () => {
  const apply = () => {
    if (select.value) document.documentElement.dataset.theme = select.value;
    else delete document.documentElement.dataset.theme;
  };
  const choices = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
  const [label, select] = chooser("Colours", choices, () => {
    apply();
    kept(() => localStorage.setItem(KEPT, select.value));
  });
  const before = kept(() => localStorage.getItem(KEPT));
  if (choices.some((choice) => choice[0] === before)) select.value = before;
  apply();
  label.className = "controls";
  document.querySelector("nav").append(label);
};
