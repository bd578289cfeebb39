/** What a command reads from its stdin. */
import type { Readable, Writable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { loadBuiltin } from '../base/builtin.js'
import { invalidState, invalidType } from '../base/errors.js'

/** Text or bytes, or a stream or iterable of these. */
export type RunInput =
  | string
  | Uint8Array
  | Readable
  | ReadableStream<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>

/** @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_INVALID_STATE` for a stream that something else reads */
export function readInput(input: unknown): string | Uint8Array | Readable | undefined {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) return input
  if (typeof input !== 'object' || input === null || !isIterable(input)) {
    throw invalidType('input', 'a string, a Uint8Array, a stream or an iterable', input)
  }
  if ('locked' in input && input.locked === true) {
    throw invalidState('The stream in the option "input" is locked: something else reads it')
  }
  const stream = loadBuiltin('node:stream')
  // Chunks that are no text or bytes must become an error of the stream, not of the pipe.
  if (input instanceof stream.Readable && !input.readableObjectMode) return input
  const wrapped = stream.Readable.from(input, { objectMode: false })
  if (input instanceof stream.Readable) wrapped.once('close', () => input.destroy())
  return wrapped
}

function isIterable(value: object): value is Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array> {
  return Symbol.asyncIterator in value || Symbol.iterator in value
}

/**
 * Passes all of `input` on, and then ends `stdin`. A command that closes its stdin early is no error; then the rest is not
 * read, and a stream is destroyed.
 *
 * @param onError called with an error of the input
 */
export function feed(input: string | Uint8Array | Readable, stdin: Writable, onError: (error: Error) => void): void {
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input)
    return
  }
  if (input.errored !== null) return onError(input.errored)
  if (input.readableEnded || input.destroyed) {
    stdin.end()
    return
  }
  input.once('error', onError)
  // If it is closed before its end, what there is of it is all of it.
  input.once('close', () => stdin.end())
  stdin.once('close', () => input.destroy())
  input.pipe(stdin)
}
