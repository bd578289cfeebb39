/** A real Node-RED with its editor in Chromium: nodes dragged, wired, deployed and breached. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MB, Runtime } from './runtime.js'
import { installNodeRed, INSTALL_MS, makeUserDir, source, type UserDir } from './setup.js'

const examples = join(source, 'examples')

let folder: UserDir
let runtime: Runtime
let browser: Browser
let page: Page
const problems: string[] = []

beforeAll(async () => {
  installNodeRed()
  folder = makeUserDir()
  runtime = new Runtime(folder.folder)
  await runtime.start()
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
}, INSTALL_MS)
afterAll(async () => {
  await browser?.close()
  await runtime?.stop()
  folder?.[Symbol.dispose]()
})

/** Opens the editor with these flows. */
async function open(flows: object[]): Promise<void> {
  await runtime.deploy(flows)
  await page?.close()
  page = await browser.newPage({ viewport: { width: 1400, height: 800 }, deviceScaleFactor: 1 })
  problems.length = 0
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(runtime.base)
  await page.locator('.red-ui-palette-node[data-palette-type="tripline-guard"]').waitFor({ state: 'attached' })
  await page.locator('#red-ui-loading-progress, .red-ui-loading').first().waitFor({ state: 'hidden' })
}

async function centre(place: Locator): Promise<{ x: number; y: number }> {
  const box = (await place.boundingBox())!
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

async function drag(from: Locator, to: Locator | { x: number; y: number }): Promise<void> {
  const start = await centre(from)
  const end = 'x' in to ? to : await centre(to)
  await page.mouse.move(start.x, start.y)
  await page.mouse.down()
  await page.mouse.move(start.x + 10, start.y + 10, { steps: 3 })
  await page.mouse.move(end.x, end.y, { steps: 10 })
  await page.mouse.up()
}

const node = (id: string) => page.locator(`[id="${id}"]`)
const outputs = (id: string) => node(id).locator('.red-ui-flow-port-output .red-ui-flow-port')
const input = (id: string) => node(id).locator('.red-ui-flow-port-input .red-ui-flow-port')
const deployed = async () => {
  await page.locator('#red-ui-header-button-deploy').click()
  await page.locator('#red-ui-header-button-deploy.disabled').waitFor()
}
const status = (id: string) => node(id).locator('.red-ui-flow-node-status-label')
const seen = (from: string) => page.locator('.red-ui-debug-msg', { hasText: from })

const FLOW = [
  { id: 'flow', type: 'tab', label: 'Flow' },
  {
    id: 'tick',
    type: 'inject',
    z: 'flow',
    name: 'tick',
    props: [{ p: 'payload' }],
    repeat: '0.2',
    payload: 'beat',
    payloadType: 'str',
    x: 120,
    y: 160,
    wires: [[]],
  },
  ...['passed', 'events'].map((name, index) => ({
    id: name,
    type: 'debug',
    z: 'flow',
    name,
    active: true,
    tosidebar: true,
    complete: index === 0 ? 'payload' : 'topic',
    targetType: 'msg',
    x: 560,
    y: 120 + index * 80,
    wires: [],
  })),
]

describe('the editor', () => {
  it('drags, wires and deploys a guard, which holds messages while breached', async () => {
    await open(FLOW)
    const canvas = (await page.locator('#red-ui-workspace-chart').boundingBox())!
    await page.locator('#red-ui-palette-search input').pressSequentially('tripline')
    await page.locator('.red-ui-palette-node[data-palette-type="inject"]').waitFor({ state: 'hidden' })
    // A trial waits until the palette has stopped moving.
    await page.locator('.red-ui-palette-node[data-palette-type="tripline-guard"]').click({ trial: true })
    await drag(page.locator('.red-ui-palette-node[data-palette-type="tripline-guard"]'), {
      x: canvas.x + 330,
      y: canvas.y + 160,
    })
    const id = () => page.evaluate('RED.nodes.filterNodes({ type: "tripline-guard" })[0]?.id')
    await expect.poll(id).toBeTypeOf('string')
    const guard = String(await id())
    await input(guard).waitFor()
    await drag(outputs('tick').first(), input(guard))
    await drag(outputs(guard).nth(0), input('passed'))
    await drag(outputs(guard).nth(1), input('events'))

    const line = Math.round((await runtime.ask<number>('rss')) / MB) + 150
    await node(guard).locator('rect.red-ui-flow-node').dblclick()
    await page.locator('.tripline-metric').fill('process.rss')
    await page.locator('.tripline-value').fill(`${line}MB`)
    await page.locator('.tripline-clear').fill(`${line - 50}MB`)
    await page.locator('#node-input-rate').fill('100')
    await expect.poll(() => page.locator('#tripline-guard-metrics option').count()).toBeGreaterThan(40)
    await page.locator('#node-dialog-ok').click()
    await page.locator('#red-ui-tab-debug-link-button').first().click()
    await deployed()

    await expect.poll(() => status(guard).textContent()).toBe('clear')
    await expect.poll(() => seen('passed').count()).toBeGreaterThan(1)
    await runtime.ask('take', 300 * MB)
    await expect.poll(() => status(guard).textContent(), { timeout: 20_000 }).toMatch(/^process\.rss .*\d held/)
    await expect.poll(() => seen('events').allTextContents()).toEqual([expect.stringContaining('breach')])
    const count = await seen('passed').count()
    if (process.env['TRIPLINE_PICTURE'] !== undefined) await page.screenshot({ path: process.env['TRIPLINE_PICTURE'] })
    await expect.poll(() => status(guard).textContent(), { timeout: 20_000 }).toMatch(/[3-9] held/)
    expect(await seen('passed').count()).toBe(count)
    await runtime.ask('free')
    await expect.poll(() => status(guard).textContent(), { timeout: 20_000 }).toBe('clear')
    await expect.poll(() => seen('passed').count()).toBeGreaterThan(count + 2)
    await expect.poll(() => seen('events').last().textContent()).toContain('clear')
    expect(problems).toEqual([])
  }, 120_000)

  it('marks fields that are wrong, says why, and keeps what the dialog does not show', async () => {
    const limits = [{ metric: 'memory', direction: 'above', value: '99.5%', clearFor: '5s' }]
    const guard = { id: 'g', type: 'tripline-guard', z: 'flow', limits, rate: '50', x: 200, y: 100, wires: [[], []] }
    const run = {
      id: 'r',
      type: 'tripline-run',
      z: 'flow',
      command: 'true',
      most: '0',
      x: 200,
      y: 300,
      wires: [[], [], []],
    }
    await open([{ id: 'flow', type: 'tab', label: 'Flow' }, guard, run])
    const errors = (id: string) => page.evaluate(`RED.nodes.node('${id}').validationErrors`)
    await expect.poll(() => errors('r')).toEqual(['At once must be a whole number from 1 to 1000'])
    expect(await errors('g')).toEqual([])

    await node('g').locator('rect.red-ui-flow-node').dblclick()
    await page.locator('#node-input-rate').fill('0')
    await page.locator('#node-input-capacity').fill('1.5')
    await page.getByText('add a limit').click()
    await page.locator('.tripline-metric').nth(1).fill('disk.free(/data)')
    await page.locator('.tripline-direction').nth(1).selectOption('below')
    await page.locator('#node-dialog-ok').click()
    await expect
      .poll(() => errors('g'))
      .toEqual([
        'Limit 2 has no value',
        'Queue must be a whole number from 1 to 100000',
        'Rate must be a number from 0.01 to 10000',
      ])
    await expect.poll(() => node('g').locator('.red-ui-flow-node-error').isVisible()).toBe(true)

    await node('g').locator('rect.red-ui-flow-node').dblclick()
    await page.locator('.tripline-value').nth(1).fill('1GB')
    await page.locator('#node-input-rate').fill('0.5')
    await page.locator('#node-input-capacity').fill('')
    await page.locator('#node-dialog-ok').click()
    await expect.poll(() => errors('g')).toEqual([])
    // As it is exported.
    const exported = await page.evaluate("RED.nodes.convertNode(RED.nodes.node('g'))")
    expect(exported).toMatchObject({
      limits: [
        { metric: 'memory', value: '99.5%', clearFor: '5s' },
        { metric: 'disk.free(/data)', direction: 'below', value: '1GB', for: '', clear: '' },
      ],
    })
    expect(problems).toEqual([])
  }, 120_000)

  it('imports every example, which runs as it is', async () => {
    for (const file of readdirSync(examples)) {
      await open([])
      await page.keyboard.press('Control+i')
      await page.locator('#red-ui-clipboard-dialog-import-text').fill(readFileSync(join(examples, file), 'utf8'))
      // The dialog looks at what is typed, not at what is there.
      await page.locator('#red-ui-clipboard-dialog-import-text').press('End')
      await page.locator('#red-ui-clipboard-dialog-ok').click()
      await expect.poll(() => page.evaluate('RED.nodes.filterNodes({}).length')).toBeGreaterThan(2)
      await deployed()
      const text = 'RED.nodes.filterNodes({}).find(({ type }) => type.startsWith("tripline-")).status?.text'
      await expect.poll(() => page.evaluate(text)).toMatch(/^(clear|idle|every 5s|missing: temperature)$/)
    }
    expect(problems).toEqual([])
  }, 120_000)

  it('shows names as text, never as HTML', async () => {
    const evil = '<img src=x onerror="window.pwned = true">'
    const limits = [{ metric: evil, direction: 'above', value: evil }]
    await open([
      { id: 'flow', type: 'tab', label: 'Flow' },
      { id: 'g', type: 'tripline-guard', z: 'flow', name: evil, limits, mode: evil, x: 200, y: 100, wires: [[], []] },
      { id: 'm', type: 'tripline-metrics', z: 'flow', name: evil, metrics: [evil], x: 200, y: 200, wires: [[]] },
      {
        id: 'r',
        type: 'tripline-run',
        z: 'flow',
        name: evil,
        command: evil,
        timeout: evil,
        x: 200,
        y: 300,
        wires: [[], [], []],
      },
    ])
    const shown = { g: '<img', m: 'metric', r: 'timeout' }
    for (const [id, text] of Object.entries(shown)) {
      await expect.poll(() => status(id).textContent()).toContain(text)
      await node(id).locator('rect.red-ui-flow-node').dblclick()
      await page.locator('#node-input-name').waitFor()
      await page.locator('#node-dialog-cancel').click()
      await page.locator('#node-input-name').waitFor({ state: 'detached' })
    }
    expect(await page.evaluate('window.pwned')).toBeUndefined()
    expect(problems).toEqual([])
  }, 120_000)
})

/** All nodes, different with each deploy. */
const nodes = (turn: number): object[] => [
  { id: 'flow', type: 'tab', label: 'Flow' },
  {
    id: 'g',
    type: 'tripline-guard',
    z: 'flow',
    name: `guard ${turn}`,
    limits: [{ metric: 'memory', direction: 'above', value: '99.5%' }],
    wires: [[], []],
  },
  { id: 'm', type: 'tripline-metrics', z: 'flow', metrics: ['memory', 'cpu'], interval: '1s', wires: [[]] },
  { id: 'r', type: 'tripline-run', z: 'flow', command: 'true', memory: '1GB', wires: [[], [], []] },
]

describe('the runtime', () => {
  it('keeps nothing after a hundred deploys', async () => {
    for (let turn = 0; turn < 20; turn++) await runtime.deploy(nodes(turn))
    const before = await runtime.ask<{ heap: number }>('count')
    for (let turn = 20; turn < 120; turn++) await runtime.deploy(nodes(turn))
    const after = await runtime.ask<{ heap: number; series: number }>('count')
    expect(after.heap - before.heap).toBeLessThan(3 * MB)
    expect(after.series).toBeLessThanOrEqual(2)
    await runtime.deploy([])
    await expect.poll(async () => (await runtime.ask<{ series: number }>('count')).series, { timeout: 20_000 }).toBe(0)
    expect(runtime.output).not.toMatch(/uncaught|unhandled/i)
  }, 120_000)
})
