/** What `run` returns: a promise with the streams of the command. */
import { invalidChoice } from '../base/errors.js'
import type { Running, RunResult } from './result.js'
import type { Streams } from './streams.js'

/** @param streams undefined if the options were wrong, so that there are none */
export function withStreams(result: Promise<RunResult>, streams: Streams | undefined): Running {
  const { stdin = null, stdout = null, stderr = null, stdio = [] } = streams ?? {}
  return Object.assign(result, {
    stdin,
    stdout,
    stderr,
    stdio,
    lines(stream: 'stdout' | 'stderr' = 'stdout') {
      if (stream !== 'stdout' && stream !== 'stderr')
        throw invalidChoice('stream argument', ['stdout', 'stderr'], stream)
      // The iteration fails with the same error.
      result.catch(() => undefined)
      return streams === undefined ? nothing(result) : streams.linesOf(stream, result)
    },
  })
}

async function* nothing(result: Promise<RunResult>): AsyncGenerator<string, void, undefined> {
  // Never gets there: the options were wrong.
  yield (await result).command
}
