/** The list of metrics for the editor, from the library of the machine on which the flows run. */
'use strict'

const { library, messageOf } = require('./library')

/** The applications that have the endpoint: several nodes ask for it. */
const served = new WeakSet()

function serveMetrics(RED) {
  if (served.has(RED.httpAdmin)) return
  served.add(RED.httpAdmin)
  RED.httpAdmin.get('/tripline/metrics', RED.auth.needsPermission('flows.read'), (request, response) => {
    try {
      const metrics = library().capabilities()
      response.json(metrics.map(({ metric, unit, available, why }) => ({ metric, unit, available, why })))
    } catch (error) {
      response.status(503).json({ error: messageOf(error) })
    }
  })
}

module.exports = { serveMetrics }
