// A template engine that hangs. The templates come from users, and one of them never ends. It is ended by its timeout, and the
// program goes on with the next.
//
//   node examples/blocked/template.js
import { Cancelable, CancelationError } from 'tripline'
import { render } from './render.js'

const parts = {
  header: '<h1>{{title}}</h1>',
  // Each includes the other.
  news: '{{> more}}',
  more: '{{> news}}',
}
const pages = {
  start: '{{> header}}Hello, {{user}}!',
  broken: '{{> header}}{{> news}}',
  end: '{{> header}}Goodbye, {{user}}!',
}

for (const [name, template] of Object.entries(pages)) {
  const data = { title: name, user: 'Ada' }
  try {
    // Only the computation is inside. What is done with the result, and with an error, is outside.
    const html = await Cancelable.run((cancel) => cancel.preemptible(() => render(template, data, parts)), {
      name,
      timeout: '1s',
    })
    console.log(`${name}: ${html}`)
  } catch (error) {
    if (!(error instanceof CancelationError)) throw error
    console.log(`${name}: given up (${error.reason.kind}): ${error.message}`)
  }
}
