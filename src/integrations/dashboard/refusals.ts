/** Why a request is refused: a status, a code that stays the same, and a sentence or two for people. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

interface Refusal {
  readonly status: number
  readonly title: string
  readonly text: string
}

const NEW_ADDRESS =
  'Each address that tripline prints opens the page once, in one browser. Open a new one: the program or command that shows this page prints it.'

/** Stands in the header `tripline-code` of the response, and on the page. */
export type RefusalCode =
  | 'token-missing'
  | 'token-wrong'
  | 'token-used'
  | 'prefetch'
  | 'host-not-allowed'
  | 'cross-site'
  | 'not-found'
  | 'method'
  | 'uri-too-long'
  | 'too-many-requests'
  | 'too-many-pages'
  | 'closed'

const REFUSALS: Readonly<Record<RefusalCode, Refusal>> = {
  'token-missing': { status: 403, title: 'This page needs its printed address', text: NEW_ADDRESS },
  'token-wrong': { status: 403, title: 'This address is not valid', text: NEW_ADDRESS },
  'token-used': { status: 403, title: 'This address has been used', text: NEW_ADDRESS },
  prefetch: {
    status: 403,
    title: 'Not loaded ahead',
    text: 'The address opens the page once, and is kept for that. Open it in a window.',
  },
  'host-not-allowed': {
    status: 403,
    title: 'This host name is not allowed',
    text: 'The server was reached by a name that it does not know. Use the printed address, or allow the name with the option hosts.',
  },
  'cross-site': {
    status: 403,
    title: 'Refused: the request comes from another site',
    text: 'Copy the printed address into the address bar of the browser. It has not been used up.',
  },
  'not-found': { status: 404, title: 'There is no such page', text: 'Use the printed address.' },
  method: { status: 405, title: 'The page can only be read', text: 'Only GET and HEAD are allowed.' },
  'uri-too-long': { status: 414, title: 'The address is too long', text: 'Use the printed address.' },
  'too-many-requests': { status: 429, title: 'Too many requests', text: 'Try again in a moment.' },
  'too-many-pages': {
    status: 503,
    title: 'Too many pages are open',
    text: 'Close one of them; the option maxClients is their number.',
  },
  closed: { status: 503, title: 'The page was closed', text: 'The program does not show it any more.' },
}

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.4rem}code{opacity:.8}'
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** Answers with a refusal. Nothing of the request stands in it. */
export function refuse(request: IncomingMessage, response: ServerResponse, code: RefusalCode, more: string = ''): void {
  const { status, title, text } = REFUSALS[code]
  const asPage = (request.headers.accept ?? '').includes('text/html')
  response.writeHead(status, {
    'content-type': asPage ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    'content-security-policy': POLICY,
    'tripline-code': code,
    ...(status === 405 && { allow: 'GET, HEAD' }),
    ...((status === 429 || status === 503) && { 'retry-after': '2' }),
  })
  if (request.method === 'HEAD') response.end()
  else response.end(asPage ? pageOf(title, text, code, more) : `${title}. ${text} (${code})\n`)
}

/** @param more a paragraph of this file's caller, as HTML */
function pageOf(title: string, text: string, code: string, more: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head><body><main><h1>${title}</h1><p>${text}</p>${more}<p><code>${code}</code></p></main></body></html>`
}
