/** Escapes text from outside, such as names of files, groups, zones and commands, for output on a terminal. */

// The control characters C0, DEL and C1 move the cursor and set titles and colors. U+061C, U+200E, U+200F, U+2028 to
// U+202E and U+2066 to U+206F reorder or end lines.
const UNPRINTABLE = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u206F]/gu
const SHORT: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` }

/** Replaces each character that is not printable. */
export function replaceUnprintable(text: string, by: (character: string) => string): string {
  return text.replaceAll(UNPRINTABLE, (each) => by(each))
}

/** Escapes one name or one line: Escape becomes `'\\u001b'`. */
export function printable(text: string): string {
  return replaceUnprintable(text, (each) => SHORT[each] ?? codeOf(each))
}

/** Escapes whole output but keeps its line ends and tabs. JSON stays JSON with the same content. */
export function printableLines(text: string): string {
  return replaceUnprintable(text, (each) => (each === '\n' || each === '\t' ? each : codeOf(each)))
}

function codeOf(character: string): string {
  return String.raw`\u` + character.charCodeAt(0).toString(16).padStart(4, '0')
}
