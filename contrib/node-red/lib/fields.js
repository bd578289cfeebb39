/** Reads the fields of the editor: texts that a person typed, or that a flow file brought. */
'use strict'

/** The trimmed text of a field; undefined if it is empty. */
function text(field) {
  const trimmed = String(field ?? '').trim()
  return trimmed === '' ? undefined : trimmed
}

/** @throws RangeError that names the field */
function number(field, name, { min, max, otherwise, whole = false }) {
  const given = text(field)
  if (given === undefined) return otherwise
  const read = Number(given)
  if (!(read >= min && read <= max) || (whole && !Number.isInteger(read))) {
    const kind = whole ? 'a whole number' : 'a number'
    throw new RangeError(`${name} must be ${kind} from ${min} to ${max}. Received '${given}'`)
  }
  return read
}

/** @throws TypeError that names the field */
function choice(field, name, allowed) {
  const given = text(field) ?? allowed[0]
  if (allowed.includes(given)) return given
  throw new TypeError(`${name} must be one of ${allowed.join(', ')}. Received '${given}'`)
}

/**
 * The rows of the editor as limits of the library, which reads the metrics' texts and the values.
 *
 * @throws TypeError
 */
function limits(rows, onMissing) {
  if (!Array.isArray(rows) || rows.length === 0) throw new TypeError('The guard has no limit')
  const found = new Map()
  for (const [index, row] of rows.entries()) {
    const name = `Limit ${index + 1}`
    const metric = text(row?.metric)
    if (metric === undefined) throw new TypeError(`${name} has no metric`)
    // Only code can have conditions.
    if (metric === 'conditions') throw new TypeError(`${name}: there is no metric 'conditions'`)
    const line = text(row.value)
    if (line === undefined) throw new TypeError(`${name} (${metric}) has no value`)
    const direction = choice(row.direction, `The direction of limit ${index + 1}`, ['above', 'below'])
    const limit = { [direction]: line, onMissing }
    // Fields that are empty stay out, so that the metric's own defaults hold.
    const rest = { for: text(row.for), clear: text(row.clear), clearFor: text(row.clearFor) }
    for (const [key, given] of Object.entries(rest)) if (given !== undefined) limit[key] = given
    found.set(metric, [...(found.get(metric) ?? []), limit])
  }
  for (const [metric, list] of found) if (list.length === 1) found.set(metric, list[0])
  // fromEntries defines properties, so no text can reach a prototype.
  return Object.fromEntries(found)
}

module.exports = { choice, limits, number, text }
