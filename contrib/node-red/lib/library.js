/** The library, loaded by the first node that needs it: where that fails, nodes report it and Node-RED goes on. */
'use strict'

/** @throws Error that names the package, if it is not installed or cannot be loaded */
function library() {
  try {
    return require('tripline')
  } catch (error) {
    throw new Error(`The package 'tripline' cannot be loaded: ${messageOf(error)}`, { cause: error })
  }
}

/** More than this covers the nodes beside it. The log and the debug sidebar have the whole message. */
const LONGEST_STATUS = 60

function shortStatus(text) {
  return text.length <= LONGEST_STATUS ? text : `${text.slice(0, LONGEST_STATUS - 1)}…`
}

/** The first line of an error's message, for statuses and events. */
function messageOf(error) {
  return String(error?.message ?? error).split('\n', 1)[0]
}

/** Shows that a node cannot work, and makes each of its messages an error that Catch nodes see. */
function fail(node, error) {
  node.status({ fill: 'red', shape: 'ring', text: shortStatus(messageOf(error)) })
  node.error(error)
  node.on('input', (msg, send, done) => done(error))
}

module.exports = { fail, library, messageOf, shortStatus }
