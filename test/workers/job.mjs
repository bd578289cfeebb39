// A job in a file of its own.
export default async function job(cancel, { rows, wait }) {
  for (let done = 1; done <= rows; done++) cancel.reportProgress({ done, total: rows })
  cancel.partialResult = { rows }
  if (wait) await cancel.sleep('1h')
  return `${rows} rows of ${cancel.context.name}`
}
