/** Quotes a word so that the system's shell reads it back unchanged. */
import { replaceUnprintable } from '../base/printable.js'

export function quote(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') {
    if (/^[\w@%+=:,./-]+$/.test(word)) return word
    // The $'...' of bash, zsh, ksh and POSIX since 2024.
    const escaped = replaceUnprintable(word.replaceAll(/[\\']/g, String.raw`\$&`), octal)
    return replaceUnprintable(word, octal) === word ? `'${word.replaceAll("'", "'\\''")}'` : `$'${escaped}'`
  }
  // For cmd.exe, and for the program that parses its command line: backslashes are special only before a quote.
  if (/^[\w@+:./\\-]+$/.test(word)) return word
  return `"${word.replaceAll(/(\\*)(?="|$)/g, '$1$1').replaceAll('"', '\\"')}"`
}

/** The bytes of a character. */
function octal(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}
