/** Names that match a pattern with wildcards, in time that grows with the product of both lengths at most. */

/** Compares character by character, without a regular expression: pattern and name may both come from outside. */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0
  let position = 0
  /** Where to go on if what follows the latest `*` does not match: one character further. */
  let star = -1
  let retry = 0
  while (position < name.length) {
    const wanted = pattern[at]
    if (wanted === '*') {
      star = ++at
      retry = position
      continue
    }
    const escaped = wanted === '\\' && at + 1 < pattern.length
    if (
      wanted !== undefined &&
      (escaped ? pattern[at + 1] === name[position] : wanted === '?' || wanted === name[position])
    ) {
      at += escaped ? 2 : 1
      position++
    } else if (star >= 0) {
      at = star
      position = ++retry
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
