/** Answers in place of the program's own: short, without details of the cause. */
import type { TriplineErrorCode } from '../../base/errors.js'
import { isHttp2, type HttpResponse } from './exchange.js'
import { textOf } from './reasons.js'

// Headers that describe a body which is not sent, or that would make a cache keep the answer.
const OF_THE_BODY =
  /^(?:content-(?!security-policy)|etag$|last-modified$|cache-control$|expires$|accept-ranges$|transfer-encoding$)/i

/** The code of HTTP/2; `node:http2` is not loaded for it. */
const INTERNAL_ERROR = 2

/** Whether an answer can still be sent. */
export function canAnswer(response: HttpResponse): boolean {
  if (isHttp2(response)) return !response.headersSent && !response.stream.destroyed && !response.stream.closed
  return !response.headersSent && !response.destroyed
}

/** The value of `Retry-After`: whole seconds, at least one. */
export function retryAfterOf(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)))
}

/** Sends a short answer as JSON. The body of the request is not read. Does nothing if an answer cannot be sent any more. */
export function answer(
  response: HttpResponse,
  status: number,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (!canAnswer(response)) return
  for (const name of response.getHeaderNames()) if (OF_THE_BODY.test(name)) response.removeHeader(name)
  const text = JSON.stringify(body)
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Content-Length', String(Buffer.byteLength(text)))
  response.setHeader('Cache-Control', 'no-store')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(text)
}

/** Closes a response that has begun, so that the client does not take it for whole. */
export function cut(response: HttpResponse): void {
  if (isHttp2(response)) response.stream.close(INTERNAL_ERROR)
  else response.destroy()
}

/** The body of an answer with an error, in the form that Fastify uses. */
export function errorBody(
  status: number,
  code: TriplineErrorCode | undefined,
  message: string,
): Record<string, unknown> {
  return { statusCode: status, ...(code && { code }), error: textOf(status), message }
}
