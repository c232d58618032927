window.addEventListener("load", () => {
  // A table that is wider than the window can be moved with the keyboard too.
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
    table.tabIndex = 0;
  }
  // One of many columns, or that is too wide, is a list of rows on a phone, and each cell names its
  // column there. The roles stay with what is shown in another way than as a table.
  for (const table of document.querySelectorAll(".md-typeset table:not([class])")) {
    const [headings, ...rows] = [...table.rows].map((row) => [...row.cells]);
    const room = table.closest(".md-typeset__scrollwrap");
    if (headings.length < 4 && room.scrollWidth <= room.clientWidth) continue;
    table.dataset.columns = headings.length;
    table.role = "table";
    for (const part of [table.tHead, ...table.tBodies]) part.role = "rowgroup";
    for (const row of table.rows) row.role = "row";
    for (const heading of headings) heading.role = heading.textContent ? "columnheader" : "cell";
    for (const cells of rows) {
      cells.forEach((cell, column) => {
        cell.role = "cell";
        cell.dataset.column = headings[column].textContent;
      });
    }
  }
});
