// Ids as they are: two ids may differ in a character that has no appearance, such as a space at an end.

const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;

const escaped = (character) => `\\u{${character.codePointAt(0).toString(16)}}`;

/** An id with escapes for white space and for characters that cannot be seen: `alice\u{20}`. */
export function visible(id) {
  return id.replaceAll("\\", "\\\\").replace(INVISIBLE, escaped);
}

/** Indented text, such as JSON, with escapes for all invisible characters but the indentation. */
export function visibleLines(text) {
  return text.replace(INVISIBLE, (character) => (" \n".includes(character) ? character : escaped(character)));
}
