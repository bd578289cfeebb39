/** GPUs over made-up file trees, and NVIDIA's through a stand-in for its library: one that answers, lies, hangs, is old or missing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capabilities, guard, sample } from '../../src/index.js'
import { ROOT, runModule } from '../helpers/child.js'
import { FakeMachine } from '../helpers/fake-machine.js'

function putAmd(machine: FakeMachine, card: string, busy: number): void {
  machine.write(`sys/class/drm/${card}/device/gpu_busy_percent`, `${busy}\n`)
  machine.write(`sys/class/drm/${card}/device/mem_info_vram_total`, '2000000\n')
  machine.write(`sys/class/drm/${card}/device/mem_info_vram_used`, '500000\n')
  machine.write(`sys/class/drm/${card}/device/hwmon/hwmon0/temp1_input`, '55000\n')
}

/** The readings of a program on a machine with one of them, or why there are none. */
async function see(path: string, behaviour = ''): Promise<unknown> {
  using machine = new FakeMachine()
  machine.write('sys/bus/pci/devices/0000:01:00.0/class', '0x030000\n')
  machine.write('sys/bus/pci/devices/0000:01:00.0/vendor', '0x10de\n')
  const { stdout, stderr, code } = await runModule(
    `
    const alive = setTimeout(() => {}, 20_000)
    const limits = { gpu: 1, 'gpu.memory.available': '1TB', 'gpu.temperature': 1 }
    const watched = tripline.guard(limits, { mode: 'all' })
    const end = (seen) => {
      console.log(JSON.stringify(seen))
      watched.close()
      clearTimeout(alive)
    }
    watched.on('breach', () => end(watched.breaches.map(({ metric, value }) => [metric, value])))
    watched.on('unavailable', (error) => end(error.message))
    `,
    { env: { ...process.env, LD_LIBRARY_PATH: path, NVML_STAND_IN: behaviour } },
  )
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

describe('GPUs of AMD', () => {
  it('are read from their files, all or one by its name', async () => {
    using machine = new FakeMachine()
    putAmd(machine, 'card0', 12)
    putAmd(machine, 'card1', 70)
    const all = await sample(['gpu', 'gpu.memory.available', 'gpu.temperature'])
    expect(all.get('gpu')?.value).toBe(70)
    expect(all.get('gpu.memory.available')?.value).toBe(1_500_000)
    expect(all.get('gpu.temperature')?.value).toBe(55)
    const one = await sample({ metric: 'gpu', gpu: 'card0' })
    expect(one.get('gpu', { gpu: 'card0' })?.value).toBe(12)
    expect([...one]).toMatchObject([{ metric: 'gpu', gpu: 'card0', unit: '%' }])
  })

  it('are listed in the error for one that does not exist', () => {
    using machine = new FakeMachine()
    putAmd(machine, 'card1', 12)
    expect(() => guard({ gpu: { above: 90, gpu: 'card7' } })).toThrow('no GPU "card7"; there is card1')
    expect(() => guard({ gpu: { above: 90, gpu: 7 as never } })).toThrow('"gpu.gpu" option must be the name of a GPU')
    expect(() => guard({ cpu: { above: 90, gpu: 'card1' } })).toThrow("'cpu' has no gpu")
  })

  it('are unavailable with a reason on a machine without a GPU', () => {
    using _machine = new FakeMachine()
    const missing = capabilities().filter(({ metric }) => metric.startsWith('gpu'))
    expect(missing).toHaveLength(3)
    for (const { available, why } of missing) {
      expect(available).toBe(false)
      expect(why).toContain('no GPU in /sys/class/drm')
    }
  })
})

describe('GPUs of NVIDIA', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-nvml-'))
  const source = join(ROOT, 'test/platforms/nvml_stand_in.c')

  function compile(name: string, ...flags: string[]): string {
    const target = join(folder, name)
    mkdirSync(target)
    const library = join(target, 'libnvidia-ml.so.1')
    execFileSync(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', ...flags, '-o', library, source])
    return target
  }

  let whole: string, old: string
  beforeAll(() => {
    whole = compile('whole')
    old = compile('old', '-DOLD')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('are read through its library', async () => {
    expect(await see(whole)).toEqual([
      ['gpu', 93],
      ['gpu.memory.available', 2 ** 30],
      ['gpu.temperature', 66],
    ])
  })

  it.each([
    ['lies', () => whole, 'not a plausible value from NVML'],
    ['hangs', () => whole, 'has not answered for 2 s'],
    ['lacks a function', () => old, 'NVML has no nvmlDeviceGetTemperature'],
    ['is missing', () => folder, 'libnvidia-ml.so.1 of NVIDIA'],
  ])('are unavailable if the library %s', async (behaviour, path, why) => {
    expect(await see(path(), behaviour)).toContain(why)
  })
})
