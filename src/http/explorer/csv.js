// CSV (RFC 4180) for spreadsheets.

/** A spreadsheet takes a cell that begins like this for a formula, and runs it. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/u;

/** A line with its end. Null and undefined are empty cells. */
export function csvLine(cells) {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/** The text of a cell, which no spreadsheet runs. A number can be no formula, also if it is negative. */
export function safeCell(value) {
  return typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
}

function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = safeCell(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
