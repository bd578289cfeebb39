/** The page in a real Chromium: what it shows, how it looks, and how it is used without a mouse and without eyes. */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Cancelable, every, guard, limiter, run, type Guard } from '../../../src/index.js'
import { dashboard, type Dashboard, type DashboardOptions } from '../../../src/integrations/dashboard/index.js'
import { OperationRegistry } from '../../../src/registry/index.js'
import { DESKTOP, launch, openTab, PHONE, type Tab } from './browser.js'

/** What is read of the results of axe-core. */
interface Found {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[]
}

let browser: Browser
let dash: Dashboard | undefined
const ends: (() => unknown)[] = []

beforeAll(async () => {
  browser = await launch()
})
afterEach(async () => {
  for (const each of ends.splice(0)) await each()
  await dash?.close()
  dash = undefined
})
afterAll(() => browser?.close())

async function open(options: DashboardOptions, look: Parameters<typeof openTab>[2] = {}): Promise<Tab> {
  dash = dashboard({ interval: 200, registry: null, guards: [], title: 'orders', ...options })
  const tab = await openTab(browser, await dash.listen(), look)
  await tab.page.locator('body[data-connection=live]').waitFor()
  ends.push(() => tab[Symbol.asyncDispose]())
  return tab
}

/** Operations that run until the test is over: `count` in all, in trees of four. */
function operations(count: number): OperationRegistry {
  const registry = new OperationRegistry({ history: 20 })
  let parent: Cancelable | undefined
  for (let i = 0; i < count; i++) {
    const isRoot = i % 4 === 0
    const name = isRoot ? `import/${i}` : `part ${i}`
    const made = new Cancelable({ name, register: registry, ...(isRoot ? { timeout: '10m' } : { parent: parent! }) })
    made.enter()
    if (isRoot) parent = made
    else made.reportProgress({ done: i % 7, total: 7, message: 'rows' })
    ends.push(() => made[Symbol.dispose]())
  }
  return registry
}

/** Whether it can be scrolled sideways. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

async function violations(page: Page): Promise<string[]> {
  // The policy of the page forbids scripts from elsewhere; the browser itself may run one.
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  await page.evaluate(readFileSync(axe, 'utf8'))
  const { violations: found } = await page.evaluate<Found>('axe.run()')
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}

/** A guard whose condition the test decides. */
function switchable(name: string): { guard: Guard; set: (isGood: boolean) => void } {
  let good = true
  const made = guard({ conditions: { [name]: { check: () => good, interval: 30 } } }, { name })
  ends.push(() => made.close())
  return { guard: made, set: (isGood) => (good = isGood) }
}

describe('looks', () => {
  const sizes = { phone: PHONE, desktop: DESKTOP }
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it.each([0, 200])(
        `on a ${size}, ${colorScheme}, with %i operations`,
        async (count) => {
          const watched = guard({ 'process.rss': { above: 1 }, memory: 99.9 }, { name: 'rss and memory' })
          ends.push(() => watched.close())
          const registry = operations(count)
          const limits = limiter({ min: 1, max: 4, resources: watched })
          const ticker = every({ hz: 10 }, () => undefined, { name: 'beat' })
          ends.push(
            () => limits.close(),
            () => ticker.close(),
          )
          const options = { guards: watched, registry, limiters: limits, tickers: ticker }
          const { page, problems } = await open(options, { viewport, colorScheme })
          await page.locator('.tile[data-state=breached]').first().waitFor()
          await expect.poll(() => page.locator('[role=treeitem]').count()).toBe(count)
          await expect.poll(() => page.locator('.plot canvas').count()).toBeGreaterThan(0)
          expect(await overflow(page)).toBe(0)
          expect(await violations(page)).toEqual([])
          await page.locator('#as-table').click()
          await page.locator('#table tbody tr').first().waitFor()
          expect(await overflow(page)).toBe(0)
          expect(await violations(page)).toEqual([])
          expect(problems).toEqual([])
        },
        60_000,
      )
    }
  }

  it('changes its colors with the scheme, without a reload', async () => {
    const { page } = await open({ metrics: ['memory'] }, { colorScheme: 'light' })
    await page.locator('.plot canvas').waitFor()
    const look = async (): Promise<unknown> => [
      await page.evaluate('getComputedStyle(document.documentElement).backgroundColor'),
      await page
        .locator('.plot canvas')
        .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL()),
    ]
    const light = (await look()) as string[]
    await page.emulateMedia({ colorScheme: 'dark' })
    await expect.poll(async () => ((await look()) as string[]).every((each, index) => each !== light[index])).toBe(true)
  })

  it('does not move anything where less motion is wanted', async () => {
    const { page } = await open({ metrics: ['memory'] }, { reducedMotion: 'reduce' })
    await page.locator('.plot canvas').waitFor()
    expect(await page.evaluate('document.getAnimations().length')).toBe(0)
    const moving = `[...document.querySelectorAll('*')].filter((each) => {
      const style = getComputedStyle(each)
      return style.scrollBehavior === 'smooth' || /[1-9]/.test(style.transitionDuration + style.animationDuration)
    }).length`
    expect(await page.evaluate(moving)).toBe(0)
  })

  it('has room for long names on a phone', async () => {
    const watched = guard({ 'process.rss': '100TB' }, { name: 'a-name-without-a-single-space-'.repeat(6) })
    ends.push(() => watched.close())
    const registry = new OperationRegistry()
    const long = new Cancelable({ name: 'x'.repeat(500), register: registry }).enter()
    ends.push(() => long[Symbol.dispose]())
    const { page } = await open({ guards: watched, registry, title: 'y'.repeat(300) }, { viewport: PHONE })
    await page.locator('[role=treeitem]').waitFor()
    expect(await overflow(page)).toBe(0)
  })
})

describe('what it shows', () => {
  it('begins with the minutes before it was opened', async () => {
    dash = dashboard({ interval: 100, metrics: ['process.rss'], guards: [], registry: null })
    const address = await dash.listen()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const tab = await openTab(browser, address)
    ends.push(() => tab[Symbol.asyncDispose]())
    const chart = tab.page.locator('.plot')
    await expect.poll(() => chart.getAttribute('aria-label')).toMatch(/over the last (?:[2-9]|\d\d+)s/)
  })

  it('says why a value is missing', async () => {
    const { page } = await open({ metrics: ['temperature(no such zone)'] })
    await expect.poll(() => page.locator('.chart .note').textContent()).toMatch(/zone/)
    expect(await page.locator('.chart .value').textContent()).toBe('n/a')
    expect(await page.locator('.chart .badge').textContent()).toBe('missing')
  })

  it('announces a breach and its end once, politely, and marks the title', async () => {
    const { guard: watched, set } = switchable('database')
    const { page, problems } = await open({ guards: watched, metrics: [] })
    expect(await page.locator('.tile').first().textContent()).toContain('All clear')
    expect(await page.locator('#announcer').textContent()).toBe('')
    expect(await page.locator('#announcer').getAttribute('aria-live')).toBe('polite')
    set(false)
    await expect.poll(() => page.locator('#announcer').textContent()).toBe('Breach of database: database failed')
    await expect.poll(() => page.locator('.tile').first().textContent()).toContain('1 of 1 breached')
    expect(await page.title()).toMatch(/^\(1\) orders · /)
    expect(await page.locator('.breach .badge').textContent()).toBe('now')
    set(true)
    await expect.poll(() => page.locator('#announcer').textContent()).toBe('The breach of database is over')
    await expect.poll(() => page.title()).toMatch(/^orders · /)
    expect(await page.locator('.breach .badge').textContent()).toBe('over')
    expect(problems).toEqual([])
  })

  it('does not announce what was breached before it was opened', async () => {
    const { guard: watched, set } = switchable('database')
    set(false)
    await expect.poll(() => watched.isBreached).toBe(true)
    const { page } = await open({ guards: watched, metrics: [] })
    await page.locator('.breach').waitFor()
    await page.waitForTimeout(700)
    expect(await page.locator('#announcer').textContent()).toBe('')
  })

  it('has the evidence of a breach', async () => {
    const watched = guard({ 'process.rss': { above: 1000 } }, { name: 'rss' })
    ends.push(() => watched.close())
    const { page } = await open({ guards: watched })
    await page.locator('.breach summary').click()
    const facts = page.locator('.breach .facts')
    expect((await facts.allTextContents()).join('\n')).toMatch(/process\.rss[\d.]+[MG]B, limit 1\.00kB[^]*Read from/)
    // It stays open while values come.
    await page.waitForTimeout(700)
    expect(await page.locator('.breach details').getAttribute('open')).not.toBeNull()
  })

  it('shows names with markup and control characters as text', async () => {
    const wild = '<img src=x onerror="alert(1)"><b>\u001B[31m\u202Eevil'
    const shown = String.raw`<img src=x onerror="alert(1)"><b>\u001b[31m\u202eevil`
    const watched = guard({ conditions: { [wild]: () => false } }, { name: wild })
    ends.push(() => watched.close())
    const registry = new OperationRegistry({ history: 5 })
    const operation = new Cancelable({ name: wild, register: registry }).enter()
    ends.push(() => operation[Symbol.dispose]())
    operation.reportProgress(wild)
    await Cancelable.run(() => Promise.reject(new Error(wild)), { name: wild, register: registry }).catch(
      () => undefined,
    )
    const { page, problems } = await open({ guards: watched, registry, title: wild })
    await page.locator('.breach').waitFor()
    expect(await page.locator('h1').textContent()).toBe(shown)
    expect(await page.locator('.guard h3').textContent()).toBe(shown)
    expect(await page.locator('[role=treeitem] .what').textContent()).toBe(shown)
    await expect.poll(() => page.locator('#operations td').last().textContent()).toContain(shown)
    expect(await page.locator('img, b:has-text("evil"), main script').count()).toBe(0)
    expect(problems).toEqual([])
  })

  it('shows commands with their processes, and the arguments only where asked for', async () => {
    const controller = new AbortController()
    const { page } = await open({ metrics: [], commandLines: true, registry: operations(0) })
    const running = run('sh', ['-c', 'sleep 100; true'], { signal: controller.signal })
    ends.push(async () => {
      controller.abort()
      await running
    })
    await page.locator('.commands > li').waitFor()
    await expect
      .poll(() => page.locator('.commands > li').textContent())
      .toMatch(/sh -c sleep 100; true.*memory [\d.]+\wB/)
    await page.locator('.commands summary').click()
    await expect
      .poll(() => page.locator('.processes li').allTextContents())
      .toEqual([expect.stringMatching(/^sh/), expect.stringMatching(/^sleep/)])
  })

  it('keeps the number of its elements while values come', async () => {
    const { page } = await open({ interval: 100, guards: undefined, registry: operations(40) })
    await page.locator('[role=treeitem]').first().waitFor()
    await expect.poll(() => page.locator('.plot canvas').count()).toBeGreaterThan(3)
    const count = (): Promise<number> => page.evaluate('document.querySelectorAll("*").length')
    // Twenty values of several metrics. States, and the marks with them, may still change at first.
    const growth = async (): Promise<number> => {
      const before = await count()
      await page.waitForTimeout(2000)
      return (await count()) - before
    }
    await expect.poll(growth, { timeout: 20_000 }).toBeLessThan(20)
  })
})

describe('without a mouse', () => {
  it('skips to the content, and shows the focus', async () => {
    const { page } = await open({ metrics: ['memory'] })
    await page.keyboard.press('Tab')
    const focused = page.locator(':focus')
    expect(await focused.textContent()).toBe('Skip to the content')
    expect((await focused.boundingBox())!.y).toBeGreaterThanOrEqual(0)
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    expect(await focused.getAttribute('id')).toBe('as-table')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.keyboard.press('Space')
    await page.locator('#table tbody tr').waitFor()
    expect(await focused.getAttribute('aria-pressed')).toBe('true')
    expect(await page.locator('#charts').isHidden()).toBe(true)
  })

  it('walks through the operations as through folders', async () => {
    const { page } = await open({ metrics: ['memory'], registry: operations(8) })
    const tree = page.locator('[role=tree]')
    await expect.poll(() => tree.locator('[role=treeitem]').count()).toBe(8)
    const focused = async (): Promise<string | null> => page.locator(':focus .what').textContent()
    const press = async (key: string): Promise<string | null> => {
      await page.keyboard.press(key)
      return focused()
    }
    expect(await tree.locator('[tabindex="0"]').count()).toBe(1)
    await tree.locator('[tabindex="0"]').focus()
    expect(await focused()).toBe('import/0')
    expect(await press('ArrowRight')).toBe('part 1')
    expect(await press('ArrowDown')).toBe('part 2')
    expect(await press('ArrowLeft')).toBe('import/0')
    expect(await press('ArrowLeft')).toBe('import/0')
    expect(await tree.locator('[role=treeitem]').count()).toBe(5)
    expect(await page.locator(':focus').getAttribute('aria-expanded')).toBe('false')
    expect(await press('ArrowDown')).toBe('import/4')
    expect(await press('Home')).toBe('import/0')
    await press('Enter')
    expect(await tree.locator('[role=treeitem]').count()).toBe(8)
    expect(await press('End')).toBe('part 7')
    // Values come meanwhile.
    await page.waitForTimeout(700)
    expect(await focused()).toBe('part 7')
  })

  it('keeps the focus in the tree when its operation ends', async () => {
    const registry = new OperationRegistry()
    const all = ['a', 'b', 'c'].map((name) => new Cancelable({ name, register: registry }).enter())
    ends.push(() => all.forEach((each) => each[Symbol.dispose]()))
    const { page } = await open({ metrics: [], registry })
    await page.locator('[role=treeitem]').nth(1).focus()
    all[1]![Symbol.dispose]()
    await expect.poll(() => page.locator('[role=treeitem]').count()).toBe(2)
    expect(await page.locator(':focus .what').textContent()).toBe('c')
  })

  it('opens a breach with the keyboard', async () => {
    const watched = guard({ 'process.rss': { above: 1000 } }, { name: 'rss' })
    ends.push(() => watched.close())
    const { page } = await open({ guards: watched, metrics: [] })
    await page.locator('.breach summary').focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.breach details').getAttribute('open')).not.toBeNull()
  })
})

describe('without eyes', () => {
  it('has landmarks, headings, names and states', async () => {
    const { guard: watched } = switchable('database')
    const { page } = await open({ guards: watched, metrics: ['memory', 'process.rss'], registry: operations(4) })
    await expect.poll(() => page.locator('[role=treeitem]').count()).toBe(4)
    const tree = await page.locator('body').ariaSnapshot()
    for (const line of [
      '- link "Skip to the content"',
      '- banner:',
      '- heading "orders" [level=1]',
      '- main:',
      '- region "Overview"',
      '- region "Guards"',
      '- heading "Guards" [level=2]',
      '- region "Breaches"',
      '- region "Metrics"',
      '- button "Charts" [pressed]',
      '- button "Table"',
      '- region "Operations"',
      '- tree "Operations"',
      '- contentinfo',
    ]) {
      expect(tree).toContain(line)
    }
    expect(tree).toMatch(
      /- 'img "Chart of memory: now [\d.]+%, from [\d.]+% to [\d.]+%, on average [\d.]+%(?: over the last \w+)?"'/,
    )
    expect(tree).toMatch(/- treeitem "import\/0 running \d+s, (?:9m \d+|10m 0)s left" \[expanded\] \[level=1\]/)
    expect(tree).toMatch(/- treeitem "part 1 running rows, 1 of 7 \d+s, (?:9m \d+|10m 0)s left" \[level=2\]/)
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
  })
})

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

// TRIPLINE_PICTURES=FOLDER makes the pictures of docs/dashboard.md.
const pictures = process.env['TRIPLINE_PICTURES']

describe.runIf(pictures !== undefined)('the pictures of the manual', () => {
  it('are made', async () => {
    mkdirSync(pictures!, { recursive: true })
    const registry = operations(9)
    for (const [index, name] of ['nightly/report', 'GET /invoices', 'GET /invoices'].entries()) {
      const work = index === 0 ? () => Promise.reject(new Error('no space left')) : () => Promise.resolve()
      await Cancelable.run(work, { name, register: registry }).catch(() => undefined)
    }
    const memory = guard({ memory: 90, 'disk.free': { below: '1GB', path: '/' } }, { name: 'memory and disk' })
    const mine = guard({ 'process.rss': { above: process.memoryUsage.rss() + 60e6 } }, { name: 'own memory' })
    const database = switchable('database')
    const limits = limiter({ min: 2, max: 16, resources: memory, name: 'imports' })
    ends.push(
      () => memory.close(),
      () => mine.close(),
      () => limits.close(),
    )
    dash = dashboard({
      interval: 500,
      registry,
      title: 'orders',
      limiters: limits,
      guards: [memory, mine, database.guard],
    })
    await wait(16_000)
    const taken = Buffer.alloc(120e6, 1)
    await wait(20_000)
    await dash.listen()
    const views = [
      ['desktop-light', { viewport: { width: 1360, height: 860 }, colorScheme: 'light' }],
      ['desktop-dark', { viewport: { width: 1360, height: 860 }, colorScheme: 'dark' }],
      ['phone-light', { viewport: { width: 360, height: 860 }, colorScheme: 'light' }],
      ['phone-dark', { viewport: { width: 360, height: 860 }, colorScheme: 'dark' }],
    ] as const
    for (const [name, look] of views) {
      await using tab = await openTab(browser, dash.link(), look)
      await expect.poll(() => tab.page.locator('.plot canvas').count()).toBeGreaterThan(0)
      await wait(1500)
      await tab.page.screenshot({ path: join(pictures!, `dashboard-${name}.png`) })
    }
    expect(taken.length).toBeGreaterThan(0)
  }, 120_000)
})
