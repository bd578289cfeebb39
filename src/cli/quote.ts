/** A word as the shell of this system reads it back. */
export function quote(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  // For cmd.exe and the program's own reading of its line; backslashes count only before a quote.
  if (/^[\w@+:./\\-]+$/.test(word)) return word
  return `"${word.replaceAll(/(\\*)(?="|$)/g, '$1$1').replaceAll('"', '\\"')}"`
}
