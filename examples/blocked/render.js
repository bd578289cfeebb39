// A small template engine with a defect that is easy to overlook: two parts that include each other are expanded forever.

const NAME = /\{\{(\w+)\}\}/g
const PART = /\{\{> ?(\w+)\}\}/

/** Inserts parts until there are none left, then the values. */
export function render(template, data, parts = {}) {
  let text = template
  while (PART.test(text)) text = text.replace(PART, (_, name) => parts[name] ?? '')
  return text.replace(NAME, (_, name) => String(data[name] ?? ''))
}
