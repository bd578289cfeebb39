/** Quotes a word so that the system's shell reads it back unchanged. */
export function quote(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  // For cmd.exe and for the program that parses its own command line; backslashes count only before a quote.
  if (/^[\w@+:./\\-]+$/.test(word)) return word
  return `"${word.replaceAll(/(\\*)(?="|$)/g, '$1$1').replaceAll('"', '\\"')}"`
}
