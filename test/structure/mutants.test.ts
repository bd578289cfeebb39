/** The tools of mutation testing: what they change, what they leave alone, and that their lists are true. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { sites as cppSites, tokens } from '../../scripts/mutants/cpp.js'
import { equivalents, knownMutants } from '../../scripts/mutants/lists.js'
import { CORE, PARTS, partOf, testFiles } from '../../scripts/mutants/parts.js'
import { Step, type Result } from '../../scripts/mutants/step.js'
import { sites as tsSites, type Site } from '../../scripts/mutants/ts.js'

/** The patterns that a pattern consists of, one per name in its groups, and those that it leaves out. */
function namesIn(pattern: string): string[] {
  const group = /^(.*?)\(\?([:!])((?:[^()]|\([^()]*\))*)\)(.*)$/.exec(pattern)
  if (group === null) return pattern.split('|')
  const [, before, kind, inner, after] = group as unknown as [string, string, string, string, string]
  const names = inner.split(/\|(?![^(]*\))/)
  if (kind === ':') return names.flatMap((name) => namesIn(`${before}${name}${after}`))
  return [...names.flatMap((name) => namesIn(`${before}${name}`)), ...namesIn(`${before}${after}`)]
}

/** What becomes of `text`, one entry per mutant. */
function mutantsOf(text: string, sites: readonly Site[]): string[] {
  return sites.map(({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end))
}

const operators = (text: string): string[] => cppSites(`void F() {\n${text}\n}`).map(({ operator }) => operator)
const cpp = (text: string): string[] => mutantsOf(text, cppSites(text))
const ts = (text: string): string[] => mutantsOf(text, tsSites(text, 'some.ts'))

describe('mutants of C++', () => {
  test('comments, strings, preprocessor lines and templates are left alone', () => {
    const text = `#define LESS(a, b) ((a) < (b) && \\
  (b) > 1000)
// if (a < b) Close();
/* a < b */
template <typename T>
const List<std::pair<int, T>> kNames = "a < b && 'c' \\" > d";
constexpr char kSign = '<';
`
    expect(cpp(text)).toEqual([])
  })

  test('each operator has its place', () => {
    expect(operators('while (a < b) G();')).toEqual(
      expect.arrayContaining(['comparison flipped', 'boundary off by one', 'condition negated', 'call left out']),
    )
    expect(operators('lock_.Unlock();')).toContain('release left out')
    expect(operators('wakeups_++;')).toContain('edge lost')
    expect(operators('last_ = 0;')).toContain('reset left out')
    expect(operators('x = 5 * kSecond;')).toContain('unit off by ten')
    expect(operators('x = a && b;')).toContain('any for all')
    expect(operators('G();')).toContain('early return')
    expect(operators('return true;')).toContain('edge lost')
  })

  test('a declaration is not left out, and a class is not a body', () => {
    const text = `class A {
 public:
  void F();
  int at_ = 0;
};
A* Make() {
  MutexLock lock(&lock_);
  lock_.AssertHeld();
  List<int> list;
  return nullptr;
}`
    expect(cppSites(text).map(({ operator }) => operator)).toEqual(['early return'])
  })

  test('what a function does anyway is no early return', () => {
    expect(cpp('int F() {\n  return 0;\n}')).toEqual([])
    expect(cpp('int F() {\n  return 2;\n}')).toEqual(['int F() { return 0;\n  return 2;\n}'])
  })

  test('the lesser of two values has no boundary', () => {
    expect(operators('if (G() < at) at = G();')).not.toContain('boundary off by one')
    expect(operators('if (G() < at) at = H();')).toContain('boundary off by one')
  })

  test('tokens keep their places', () => {
    const text = `auto a = R"x(")x" + 1'000u; // <\nb->c();`
    expect(tokens(text).map((each) => each.text)).toEqual([
      'auto',
      'a',
      '=',
      `R"x(")x"`,
      '+',
      `1'000u`,
      ';',
      'b',
      '->',
      'c',
      '(',
      ')',
      ';',
    ])
    for (const { text: part, start, end } of tokens(text)) expect(text.slice(start, end)).toBe(part)
  })
})

describe('mutants of TypeScript', () => {
  test('types, comments and strings are left alone', () => {
    const text = `// a < b
type A<T> = T extends 1000 ? 'a' : B<T>
const a: Map<string, 1000> = f<number>('a < b')
interface C { readonly d: 1000 }`
    expect(ts(text)).toEqual([])
  })

  test('a call that only has the name of something in every object is left alone', () => {
    expect(tsSites('const text = [1].toString()\nconst is = text.hasOwnProperty(1)\n', 'x.ts')).toEqual([])
  })

  test('each operator has its place', () => {
    expect(ts('if (a < b) f()')).toEqual([
      'if (!(a < b)) f()',
      'if (false) f()',
      'if (true) f()',
      'if (a > b) f()',
      'if (a <= b) f()',
      'if (a < b) ;',
    ])
    expect(ts('x = a.every(b)')).toEqual([';', 'x = a.some(b)'])
    expect(ts('const x = 1000')).toEqual(['const x = (1000 * 10)'])
    expect(ts('function f(): void { g() }')).toContain('function f(): void { return; g() }')
    expect(ts('x = a ?? b')).toContain('x = a')
    // What a function does anyway is no early return.
    expect(ts('function f(): number {\n  return 0\n}')).toEqual([])
  })
})

const fails = (...names: string[]): Result => ({
  status: 1,
  output: names.map((name) => ` FAIL  ${name} > does it\nAssertionError\n`).join(''),
})

describe('a step', () => {
  const files = ['test/a.test.ts', 'test/b.test.ts', 'test/c.test.ts']
  const FINE: Result = { status: 0, output: '' }
  const HANGS: Result = { status: undefined, output: '' }

  /** A step whose commands have these results, and the files that each command runs. */
  function scripted(...results: Result[]): { step: Step; runs: string[][] } {
    const runs: string[][] = []
    const step = new Step(
      files,
      (names) => [...names],
      (names) => {
        runs.push(names)
        return Promise.resolve(results.shift()!)
      },
    )
    return { step, runs }
  }

  test('leaves out tests that fail without a mutant, but none that failed once', async () => {
    const { step, runs } = scripted(fails(files[0]!, files[2]!), fails(files[2]!), FINE, FINE)
    expect(await step.measure()).toEqual([files[2]])
    expect(await step.notices()).toBe(false)
    expect(runs.at(-1)).toEqual(files.slice(0, 2))
  })

  test('is an error if it fails for another reason than a test', async () => {
    const broken: Result = { status: 1, output: 'no such file' }
    await expect(scripted(broken, broken).step.measure()).rejects.toThrow('no such file')
  })

  test('notices what fails again, or hangs, and nothing else', async () => {
    const outcomes: [Result[], boolean][] = [
      [[fails(files[1]!), fails(files[1]!)], true],
      [[HANGS], true],
      // Failed by itself, then not again.
      [[fails(files[1]!), FINE, FINE], false],
      // Fails only beside the others.
      [[fails(files[1]!), FINE, fails(files[1]!)], true],
      // Crashed without naming a test.
      [
        [
          { status: 139, output: '' },
          { status: 139, output: '' },
        ],
        true,
      ],
    ]
    for (const [results, noticed] of outcomes) {
      const { step, runs } = scripted(FINE, ...results)
      await step.measure()
      expect(await step.notices()).toBe(noticed)
      expect(runs).toHaveLength(1 + results.length)
    }
  })

  test('repeats native tests by their names', async () => {
    const runs: (readonly string[])[] = []
    const results = [
      FINE,
      { status: 1, output: 'a_test.cc:7: x\nFAILED GuardIsBreached\n1 passed, 1 failed\n' },
      FINE,
      FINE,
    ]
    const step = new Step(
      ['GuardIsClear', 'GuardIsBreached'],
      (names) => [...names],
      (names) => {
        runs.push(names)
        return Promise.resolve(results.shift()!)
      },
    )
    await step.measure()
    expect(await step.notices()).toBe(false)
    expect(runs[2]).toEqual(['GuardIsBreached'])
  })
})

describe('lists', () => {
  test('every known error still fits the code once', () => {
    expect(knownMutants().length).toBeGreaterThan(15)
  })

  test('every survivor that is argued equivalent is still there', () => {
    expect(() => equivalents()).not.toThrow()
  })

  test('every file of the core has tests', () => {
    expect(CORE.length).toBeGreaterThan(50)
    for (const file of CORE) expect(partOf(file), file).toBeDefined()
  })
  test('the names in a pattern are all found', () => {
    expect(namesIn('^a\\/(?:b|c\\/(?:d|e))$')).toEqual(['^a\\/b$', '^a\\/c\\/d$', '^a\\/c\\/e$'])
    expect(namesIn('^a\\/(?!b|c)')).toEqual(['^a\\/b', '^a\\/c', '^a\\/'])
  })

  // A test file that is renamed or becomes a slow one must not leave its part unnoticed.
  test('every name of a test matches a file', () => {
    const native = readdirSync('test/native', { recursive: true, encoding: 'utf8' }).map((name) => path.basename(name))
    const files = ['native', 'src'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    )
    const unmatched: string[] = []
    const check = (pattern: RegExp | undefined, matches: (name: RegExp) => boolean, of: string): void => {
      const names = pattern === undefined ? [] : namesIn(pattern.source)
      unmatched.push(...names.filter((name) => !matches(new RegExp(name))).map((name) => `${of} ${name}`))
    }
    for (const part of PARTS) {
      check(part.files, (name) => files.some((each) => name.test(each)), 'files')
      check(part.native, (name) => native.some((each) => name.test(each)), 'native')
      check(part.slow, (name) => testFiles(name, true).length > 0, 'slow')
      for (const kind of ['first', 'quick', 'built'] as const)
        check(part[kind], (name) => testFiles(name).length > 0, kind)
    }
    expect(unmatched).toEqual([])
  })
})
