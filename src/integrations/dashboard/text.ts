/** Names from outside, cut to a length that a page can show. */

const LONGEST = 200

/** JSON escapes what is left of a character that is cut in two. */
export function short(text: string, most: number = LONGEST): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** NaN and Infinity are no JSON; digits beyond the sixth are not seen. */
export function plain(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(6))
}
