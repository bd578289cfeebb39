/** In the published types, every exported declaration and each of its members has a doc comment. */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'rolldown/utils'
import { describe, expect, it } from 'vitest'

// All entry points in one text, without what they import of each other.
const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const types = readdirSync(dist)
  .filter((file) => file.endsWith('.d.cts'))
  .map((file) => readFileSync(dist + file, 'utf8').replaceAll(/^import .*$/gm, ''))
  .join('\n')

interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

interface Comment {
  readonly type: string
  readonly value: string
  readonly end: number
}

const { program, comments, errors } = parseSync('index.d.ts', types) as unknown as {
  program: { body: Node[] }
  comments: Comment[]
  errors: unknown[]
}

/** The text of the doc comment directly before a position. */
function commentBefore(at: number): string {
  const found = comments.find(({ end, type, value }) => {
    return type === 'Block' && value.startsWith('*') && end <= at && types.slice(end, at).trim() === ''
  })
  return found?.value ?? ''
}

/** The declaration in a statement, whether it is exported there or at the end of the file. */
function declarationOf(statement: Node): Node {
  return (statement['declaration'] as Node | null | undefined) ?? statement
}

function nameOf(node: Node): string {
  const { name, value } = (node['id'] ?? node['key'] ?? {}) as { name?: string; value?: string }
  return name ?? value ?? types.slice(node.start, node.start + 40).split('\n')[0]!
}

/** The members of a class or an interface. */
function membersOf(node: Node): Node[] {
  const body = node['body'] as { body?: Node[] } | undefined
  return Array.isArray(body?.body) ? body.body : []
}

/** The object types inside a type, such as alternatives of a union or types of properties. */
function objectTypesIn(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(objectTypesIn)
  const node = value as Node
  if (node.type === 'TSTypeLiteral') return [node]
  return Object.entries(node).flatMap(([key, each]) => (key === 'parent' ? [] : objectTypesIn(each)))
}

function isPrivate(member: Node): boolean {
  return (member['key'] as Node | undefined)?.type === 'PrivateIdentifier'
}

interface Documented {
  readonly name: string
  readonly comment: string
}

const DECLARATION = /^(?:ClassDeclaration|TS(?:Interface|TypeAlias)Declaration|TSDeclareFunction|VariableDeclaration)$/

const found: Documented[] = []

/** Records a node, its members, and the members of object types inside it. */
function note(name: string, node: Node, at: number = node.start): void {
  found.push({ name, comment: commentBefore(at) })
  for (const member of membersOf(node)) if (!isPrivate(member)) note(`${name}.${nameOf(member)}`, member)
  if (membersOf(node).length > 0 || node.type === 'TSDeclareFunction') return
  for (const type of objectTypesIn(node)) {
    for (const member of type['members'] as Node[])
      found.push({ name: `${name}.${nameOf(member)}`, comment: commentBefore(member.start) })
  }
}

for (const statement of program.body) {
  const declaration = declarationOf(statement)
  if (DECLARATION.test(declaration.type)) note(nameOf(declaration), declaration, statement.start)
}

/** Only the first of several declarations with one name: overloads, and the two halves of an accessor. */
const firsts = found.filter(({ name }, at) => found.findIndex((each) => each.name === name) === at)

describe('the published types', () => {
  it('can be parsed, and contain well-known names', () => {
    expect(errors).toEqual([])
    const names = firsts.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['Cancelable.run', 'Guard.state', 'RunResult.status', 'every', 'Limits', 'simulate']),
    )
    expect(names.length).toBeGreaterThan(400)
  })

  it('have a comment on every declaration and every member', () => {
    expect(firsts.filter(({ comment }) => comment === '').map(({ name }) => name)).toEqual([])
  })

  it('mark every default with the tag @default', () => {
    const untagged = firsts.filter(({ comment }) =>
      /\bdefaults? (?:is|to|:)|\(default\b|\. Default\b|; default\b/i.test(comment),
    )
    expect(untagged.map(({ name }) => name)).toEqual([])
  })
})
