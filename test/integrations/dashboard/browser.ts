/** A real browser for the tests of the page, and what it complains about. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

/** Starts Debian's Chromium. @param hosts names that resolve to this machine */
export function launch(...hosts: readonly string[]): Promise<Browser> {
  const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(',')
  const args = ['--no-sandbox', '--disable-gpu', ...(rules === '' ? [] : [`--host-resolver-rules=${rules}`])]
  return chromium.launch({ executablePath: '/usr/bin/chromium', args })
}

export const DESKTOP = { width: 1440, height: 900 }
export const PHONE = { width: 360, height: 740 }

/** A page in a browser without cookies, with its problems: errors, violations of the policy, requests to elsewhere. */
export interface Tab extends AsyncDisposable {
  readonly page: Page
  readonly problems: readonly string[]
}

export async function openTab(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  const { origin } = new URL(address)
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) problems.push(`request: ${request.url()}`)
  })
  await page.goto(address)
  return { page, problems, [Symbol.asyncDispose]: () => context.close() }
}
