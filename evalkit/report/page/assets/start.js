addThemes();
addTables();
if (data && data.suites.length) {
  data.suites.forEach(addPlaces);
  addCases();
  addBrowser();
}
