/** The release binaries, and the packed tarball as its users install it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const loader = dirname(createRequire(import.meta.url).resolve('node-gyp-build/package.json'))

// The name of the flag depends on the version of Node.
const permission = ['--permission', '--experimental-permission'].find((flag) => process.allowedNodeEnvironmentFlags.has(flag))

const ATTEMPT = `
  import { Cancelable, guard } from 'tripline'
  try {
    guard({ memory: 90 }).close()
    console.log('loaded')
  } catch (error) { console.log(error.code, error.message, error.cause.code) }
  await Cancelable.run((cancel) => cancel.sleep(60_000), { timeout: 1 }).catch((error) => console.log(error.name))`

/** Installs the package: only published files, without a build folder. */
function install(folder: string, ...parts: string[]): void {
  const target = join(folder, 'node_modules/tripline')
  mkdirSync(target, { recursive: true })
  for (const each of ['package.json', 'dist', ...parts]) cpSync(join(root, each), join(target, each), { recursive: true })
  cpSync(loader, join(folder, 'node_modules/node-gyp-build'), { recursive: true })
}

function run(folder: string, script: string, flags: string[] = []): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

describe('release binaries', () => {
  it('follow the rules for imports, exports, required system and size', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/check-prebuilds.js', '--quick'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout).toContain('all is well')
    expect(status).toBe(0)
  })
})

describe('the packed tarball', () => {
  it('contains the sources but no build output, and nothing that makes an installer compile', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    expect(paths).toContain('native/binding.gyp')
    expect(paths.filter((path) => path.startsWith('native/build/'))).toEqual([])
    // If there is a binding.gyp at the root, yarn 1 and pnpm before version 10 run node-gyp, whatever package.json says.
    // Only a checkout has one.
    expect(paths).not.toContain('binding.gyp')
    expect(existsSync(join(root, 'binding.gyp'))).toBe(true)
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object; gypfile: boolean }
    // Without this field, npm would compile in a checkout before running `prepare`.
    expect(manifest.gypfile).toBe(false)
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('the unpacked tarball', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-source-'))
    const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]
    const tarball = execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim()
    mkdirSync(join(folder, 'node_modules'))
    execFileSync('tar', ['xzf', join(folder, tarball), '-C', join(folder, 'node_modules')])
    renameSync(join(folder, 'node_modules/package'), join(folder, 'node_modules/tripline'))
    cpSync(loader, join(folder, 'node_modules/node-gyp-build'), { recursive: true })
    // The package that the first of the two commands fetches.
    const face = dirname(createRequire(import.meta.url).resolve('node-addon-api'))
    cpSync(face, join(folder, 'node_modules/node-addon-api'), { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('can be built with the commands in the docs', () => {
    const [, commands] = /To build it[^]*?\n\n((?: {4}.*\n)+)/.exec(readFileSync(join(root, 'docs/platforms.md'), 'utf8'))!
    const [fetch, build] = commands!.trim().split(/\n\s*/)
    expect(fetch).toBe('npm install --no-save node-addon-api')
    const [npx, yes, nodeGyp, ...args] = build!.split(' ')
    expect([npx, yes, nodeGyp]).toEqual(['npx', '--yes', 'node-gyp'])

    const prefix = dirname(dirname(process.execPath))
    const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
    const program = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
    execFileSync(process.execPath, [program, ...args, '--jobs=max', ...headers], {
      cwd: folder,
      stdio: 'pipe',
      // Without optimization, so that it takes only seconds.
      env: { ...process.env, CXXFLAGS: '-O0' },
    })
    expect(existsSync(join(folder, 'node_modules/tripline/build/Release/tripline.node'))).toBe(true)
    rmSync(join(folder, 'node_modules/tripline/prebuilds'), { recursive: true })
    expect(run(folder, ATTEMPT).output).toMatch(/^loaded$/m)
  }, 120_000)
})

describe.runIf(process.platform === 'linux')('an installed package without a build folder', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-prebuilt-'))
    install(folder, 'prebuilds')
    for (const each of ['program.mjs', 'worker.mjs']) cpSync(join(root, 'scripts/matrix', each), join(folder, each))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('guards with the binary from prebuilds', () => {
    const output = execFileSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' })
    expect(JSON.parse(output)).toMatchObject({ ok: true })
  })

  it('loads only that binary', () => {
    const { output } = run(
      folder,
      `import { readFileSync } from 'node:fs'; import { guard } from 'tripline'; guard({ 'process.rss': '1TB' })
       console.log([...new Set(readFileSync('/proc/self/maps', 'utf8').match(/\\S+tripline\\S*\\.node/g))].join())`,
    )
    expect(output.trim()).toMatch(/\/node_modules\/tripline\/prebuilds\/linux-[a-z0-9]+\/tripline[a-z0-9.]*\.node$/)
  })

  const attempt = (...flags: string[]) => run(folder, ATTEMPT, flags).output
  describe.runIf(permission !== undefined)('under the permission model of Node', () => {
    it('says how to allow it where addons are forbidden', () => {
      const output = attempt(permission!, '--allow-fs-read=*')
      expect(output).toContain('ERR_TRIPLINE_NATIVE_MISSING')
      expect(output).toContain('start node with --allow-addons')
    })

    // With the flags that docs/platforms.md names.
    it('names the file that it must be allowed to read, and needs no other permission', () => {
      const flags = [permission!, `--allow-fs-read=${realpathSync(folder)}`, '--allow-addons']
      expect(attempt(...flags)).toContain('start node with --allow-fs-read=/etc/alpine-release as well.')
      expect(attempt(...flags, '--allow-fs-read=/etc/alpine-release')).toMatch(/^loaded$/m)
    })
  })

  it('says which flag forbids addons', () => {
    expect(attempt('--no-addons')).toContain('start node without --no-addons')
  })
})

describe('an installed package without a binary for this machine', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-none-'))
    install(folder)
    mkdirSync(join(folder, 'node_modules/tripline/prebuilds/aix-ppc64'), { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('reports that with the platform and the build instructions when the addon is needed', () => {
    const { output } = run(folder, ATTEMPT)
    expect(output).toContain('ERR_TRIPLINE_NATIVE_MISSING')
    expect(output).toContain(`${process.platform}-${process.arch}`)
    expect(output).toContain('tripline has no compiled addon')
    expect(output).toContain(`loaded from: ${realpathSync(join(folder, 'node_modules/tripline'))})`)
    expect(output).toContain('To build it: ')
    expect(output).toContain('node-gyp rebuild')
  })

  it('reports that its binaries were not copied, and does not ask for a compiler', () => {
    const prebuilds = join(folder, 'node_modules/tripline/prebuilds')
    rmSync(prebuilds, { recursive: true })
    const { output } = run(folder, ATTEMPT)
    mkdirSync(join(prebuilds, 'aix-ppc64'), { recursive: true })
    expect(output).toContain('prebuilds was not copied with the package')
    expect(output).toContain('TRIPLINE_ADDON')
    expect(output).not.toContain('compiler')
  })

  it.runIf(process.platform === 'linux')('loads the file that TRIPLINE_ADDON names, or says what is wrong with it', () => {
    const attempt = (file: string): string => {
      const env = { ...process.env, TRIPLINE_ADDON: file }
      const args = ['--input-type=module', '--eval', ATTEMPT]
      return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env }).stdout
    }
    const whole = readFileSync(join(root, 'build/Release/tripline.node'))
    writeFileSync(join(folder, 'own name.node'), whole)
    writeFileSync(join(folder, 'cut.node'), whole.subarray(0, 4096))
    writeFileSync(join(folder, 'text.node'), 'not a library')
    spawnSync('mkfifo', [join(folder, 'pipe.node')])
    const require = createRequire(import.meta.url)
    const foreign = createRequire(require.resolve('rolldown'))
    const names = Object.keys((require('rolldown/package.json') as { optionalDependencies: object }).optionalDependencies)
    const binding = names.flatMap((name) => {
      try {
        return [foreign.resolve(name)]
      } catch {
        return []
      }
    })
    expect(attempt('own name.node')).toBe('loaded\nTimeoutError\n')
    // The variable of node-gyp-build names a folder with prebuilds.
    const elsewhere = join(folder, 'elsewhere')
    const place = join(elsewhere, `prebuilds/${process.platform}-${process.arch}`)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'tripline.node'), whole)
    const args = ['--input-type=module', '--eval', ATTEMPT]
    const env = { ...process.env, TRIPLINE_PREBUILD: elsewhere }
    expect(spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env }).stdout).toBe('loaded\nTimeoutError\n')
    expect(attempt('nowhere.node')).toMatch(/TRIPLINE_ADDON names .*nowhere\.node: there is no such file\)/)
    expect(attempt('cut.node')).toMatch(/cut\.node: cut off: the end of the file is missing\)/)
    expect(attempt('text.node')).toMatch(/TRIPLINE_ADDON names .*text\.node: .*\)/)
    expect(attempt(binding[0]!)).toMatch(/TRIPLINE_ADDON names .*: not the addon of tripline\)/)
    expect(attempt(folder)).toMatch(/TRIPLINE_ADDON names .*: not a file\)/)
    expect(attempt('pipe.node')).toMatch(/pipe\.node: not a file\)/)
    for (const file of ['nowhere.node', 'cut.node', 'text.node', folder, 'pipe.node', binding[0]!]) {
      expect(attempt(file)).toMatch(/^ERR_TRIPLINE_NATIVE_MISSING [^\n]*\nTimeoutError\n$/)
      expect(attempt(file)).not.toContain('compiler')
    }
  })

  it.each(['esm', 'cjs'] as const)('reports that it must be external to a bundle: %s', async (format) => {
    const file = join(folder, `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`)
    const bundle = await rolldown({ cwd: folder, input: 'tripline', platform: 'node', logLevel: 'silent' })
    await bundle.write({ file, format })
    const { output } = run(
      folder,
      `import * as tripline from './${basename(file)}'
       try { tripline.guard({ memory: 90 }) } catch (error) { console.log(error.code, error.message) }
       const options = { timeout: 1, signals: ['SIGUSR2'] }
       await tripline.Cancelable.run((cancel) => cancel.sleep(60_000), options).catch((error) => console.log(error.name))`,
    )
    expect(output).toMatch(/^ERR_TRIPLINE_NATIVE_MISSING .*make "tripline" an external package.*\nTimeoutError\n$/)
    expect(output).not.toContain('node-gyp')
  })

  it('explains the problem with `tripline doctor`', () => {
    const main = join(folder, 'node_modules/tripline/dist/cli/main.js')
    const { status, stdout } = spawnSync(process.execPath, [main, 'doctor'], { encoding: 'utf8' })
    expect(stdout).toMatch(/^! addon .*tripline has no compiled addon for .*loaded from: /m)
    expect(status).toBe(125)
  })

  /** The output of an attempt to load a binary with this content. */
  function withBinary(content: Buffer | string): string {
    const file = join(folder, `node_modules/tripline/prebuilds/${process.platform}-${process.arch}/tripline.node`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    const { output } = run(folder, ATTEMPT)
    rmSync(file)
    expect(output).toMatch(/^ERR_TRIPLINE_NATIVE_MISSING tripline cannot load its compiled addon/)
    expect(output).toContain(realpathSync(dirname(file)))
    expect(output).toMatch(/TimeoutError\n$/)
    return output
  }

  it('says what is wrong with a binary that cannot be loaded', () => {
    expect(withBinary('not a library')).toContain(' ERR_DLOPEN_FAILED\n')
    expect(withBinary('')).toContain(' ERR_DLOPEN_FAILED\n')
  })

  // Loaded without a check, such a file makes the system kill the process or report that there is no such file.
  it.runIf(process.platform === 'linux')('recognizes a binary that is truncated or for another processor', () => {
    const binary = (arch: string) => readFileSync(join(root, `prebuilds/linux-${arch}/tripline.node`))
    for (const arch of ['x64', 'arm64', 'arm'].filter((each) => each !== process.arch)) {
      expect(withBinary(binary(arch))).toContain('tripline.node: made for another processor')
    }
    const whole = readFileSync(join(root, 'build/Release/tripline.node'))
    for (const size of [4096, whole.length / 2, whole.length - 1]) {
      expect(withBinary(whole.subarray(0, size))).toContain('tripline.node: cut off')
    }
  })

  it.runIf(process.platform === 'linux')('names the function that the host does not have', () => {
    const whole = readFileSync(join(root, `prebuilds/linux-${process.arch}/tripline.node`))
    // The whole name need not be in the file: it may share its beginning with the name before.
    const at = whole.indexOf('typedarray_info')
    const renamed = Buffer.concat([whole.subarray(0, at), Buffer.from('typedarray_none'), whole.subarray(at + 15)])
    expect(withBinary(renamed)).toMatch(/tripline\.node: undefined symbol: napi_get_typedarray_none\b/)
  })

  it('still supports operations, timeouts and tokens', () => {
    const { status, output } = run(
      folder,
      `import { Cancelable, CancelationToken } from 'tripline'
       const alive = setInterval(() => {}, 1000)
       const never = () => new Promise(() => {})
       const timeout = await Cancelable.run(never, { timeout: 5 }).catch((error) => error.reason.kind)
       const token = new CancelationToken()
       const run = Cancelable.run(never, { token }).catch((error) => error.reason.kind)
       token.cancel()
       console.log(timeout, await run)
       clearInterval(alive)`,
    )
    expect(output.trim()).toBe('timeout manual')
    expect(status).toBe(0)
  })
})
