// Reads the published types: which names each entry point exports, and what the declarations and their comments say.
// TypeScript 7 has no JavaScript API, on which TypeDoc and API Extractor depend; the parser is that of rolldown.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseSync } from 'rolldown/utils'

/** The entry points that have types, by the name under which they are imported: `{ tripline: 'dist/index.d.ts' }`. */
export function entryPoints(root) {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entries = Object.entries(exports).flatMap(([subpath, { import: conditions }]) => {
    return conditions?.types === undefined ? [] : [[name + subpath.slice(1), join(root, conditions.types)]]
  })
  return Object.fromEntries(entries)
}

/**
 * The declarations of all entry points and of the files that they import, by name; `exported` has the names that each entry
 * point exports.
 */
export function readDeclarations(entries) {
  const files = new Map()
  for (const path of Object.values(entries)) readFile(path, files)
  const declarations = new Map()
  for (const [path, { statements }] of files) {
    for (const each of statements) {
      const known = declarations.get(each.name)
      if (known === undefined) declarations.set(each.name, each)
      else if (known.path === path) known.overloads.push(each)
      else if (known.head !== each.head || known.type !== each.type)
        throw new Error(`${each.name} is declared in ${known.path} and in ${path}`)
    }
  }
  const exported = Object.entries(entries).map(([entry, path]) => [entry, exportsOf(path, files)])
  return { declarations, exported: Object.fromEntries(exported) }
}

function readFile(path, files) {
  if (files.has(path)) return
  const text = readFileSync(path, 'utf8')
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  const source = { path, text, comments: comments.filter(({ type, value }) => type === 'Block' && value[0] === '*') }
  const file = { statements: [], exports: new Map(), imports: new Map(), all: [] }
  files.set(path, file)
  for (const statement of program.body) {
    const from = statement.source?.value.startsWith('.') ? typesBeside(path, statement.source.value) : undefined
    if (from !== undefined) readFile(from, files)
    if (statement.type === 'ExportAllDeclaration' && from !== undefined) file.all.push(from)
    const declaration = statement.declaration ?? statement
    const declared = declaration.type === 'VariableDeclaration' ? declaration.declarations[0] : declaration
    // The name of a module that is augmented is a string.
    if (declared.id?.type === 'Identifier') {
      file.statements.push(toDeclaration(declared, statement, source))
      if (statement.declaration != null) file.exports.set(declared.id.name, { local: declared.id.name })
    }
    for (const { local, imported, exported } of statement.specifiers ?? []) {
      if (exported !== undefined) file.exports.set(exported.name, { local: local.name, from })
      else if (from !== undefined) file.imports.set(local.name, { local: imported.name, from })
    }
  }
}

function typesBeside(path, specifier) {
  return resolve(dirname(path), specifier.replace(/(?:\.d)?\.([cm]?)[jt]s$/, '.d.$1ts'))
}

/** The names that a file exports. Each must be the name of its declaration. */
function exportsOf(path, files) {
  const { exports, all } = files.get(path)
  const own = [...exports.keys()].map((name) => {
    const declared = resolveExport(path, name, files)
    if (declared !== name) throw new Error(`${path}: ${name} is declared as ${declared}`)
    return name
  })
  return [...own, ...all.flatMap((each) => exportsOf(each, files))]
}

function declaredName(path, local, files) {
  const imported = files.get(path).imports.get(local)
  return imported === undefined ? local : resolveExport(imported.from, imported.local, files)
}

function resolveExport(path, name, files) {
  const { exports, all } = files.get(path)
  if (!exports.has(name))
    return resolveExport(
      all.find((each) => exportsOf(each, files).includes(name)),
      name,
      files,
    )
  const { local, from } = exports.get(name)
  return from === undefined ? declaredName(path, local, files) : resolveExport(from, local, files)
}

function toDeclaration(node, statement, source) {
  const end = node.body?.start ?? node.end
  const annotation = node.typeAnnotation ?? node.id.typeAnnotation
  return {
    name: node.id.name,
    kind: kindOf(node),
    path: source.path,
    overloads: [],
    doc: docBefore(statement.start, source),
    head: source.text
      .slice(node.start, end)
      .replace(/^(?:export )?(?:declare )?/, node.type === 'VariableDeclarator' ? 'const ' : '')
      .trim(),
    members: (node.body?.body ?? []).filter(isPublic).map((each) => toMember(each, source)),
    parameters: (node.typeParameters?.params ?? []).map((each) => each.name.name),
    bases: basesOf(node, source.text),
    type: annotation == null ? undefined : source.text.slice(annotation.start, annotation.end),
    mentions: namesIn(node),
  }
}

function kindOf({ type }) {
  if (type === 'ClassDeclaration') return 'class'
  if (type === 'TSInterfaceDeclaration') return 'interface'
  if (type === 'TSTypeAliasDeclaration') return 'type'
  return type === 'TSDeclareFunction' ? 'function' : 'const'
}

function basesOf(node, text) {
  const bases = node.type === 'ClassDeclaration' ? [node.superClass].filter(Boolean) : (node.extends ?? [])
  return bases.map((each) => {
    const given = each.typeArguments ?? (each === node.superClass ? node.superTypeArguments : null)
    return {
      name: (each.expression ?? each).name,
      arguments: (given?.params ?? []).map(({ start, end }) => text.slice(start, end)),
    }
  })
}

function isPublic({ key, accessibility }) {
  return key?.type !== 'PrivateIdentifier' && accessibility !== 'private'
}

function toMember(node, source) {
  const { text } = source
  const { key } = node
  const slice = ({ start, end }) => text.slice(start, end)
  const type =
    node.typeAnnotation?.typeAnnotation ?? (node.kind === 'get' ? node.value.returnType.typeAnnotation : undefined)
  return {
    name: key === undefined ? '' : node.computed ? `[${slice(key)}]` : (key.name ?? key.value),
    kind: memberKind(node),
    static: node.static === true,
    optional: node.optional === true,
    doc: docBefore(node.start, source),
    signature: slice(node).replace(/;$/, '').replaceAll('\n  ', '\n'),
    // An optional member may always be undefined, so the type does not repeat it.
    type: type === undefined ? undefined : slice(type).replace(node.optional === true ? / \| undefined$/ : '', ''),
    members: type?.type === 'TSTypeLiteral' ? type.members.map((each) => toMember(each, source)) : [],
  }
}

function memberKind({ type, kind }) {
  if (kind === 'constructor' || kind === 'get' || kind === 'set') return kind
  return type === 'MethodDefinition' || type === 'TSMethodSignature' ? 'method' : 'property'
}

/** The names of types inside a node. */
function namesIn(node, found = new Set()) {
  if (Array.isArray(node)) {
    for (const each of node) namesIn(each, found)
  } else if (typeof node === 'object' && node !== null) {
    if (node.type === 'TSTypeReference' && node.typeName.type === 'Identifier') found.add(node.typeName.name)
    if (node.type === 'TSInterfaceHeritage' && node.expression.type === 'Identifier') found.add(node.expression.name)
    if (node.type === 'ClassDeclaration' && node.superClass?.type === 'Identifier') found.add(node.superClass.name)
    for (const [key, each] of Object.entries(node)) if (key !== 'parent') namesIn(each, found)
  }
  return found
}

function docBefore(at, { text, comments }) {
  const comment = comments.find(({ end }) => end <= at && text.slice(end, at).trim() === '')
  return parseDoc(comment?.value ?? '')
}

/** The text of a doc comment, and its tags. */
export function parseDoc(comment) {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
  const [text, ...rest] = lines
    .join('\n')
    .trim()
    .split(/(?:^|\s)@(?=(?:default|example|param|returns|throws)\b)/)
  const tags = rest.map((each) => {
    const [, name, value] = /^(\w+)\s*([^]*)$/.exec(each)
    return { name, value: value.trim() }
  })
  return { text: text.trim(), tags }
}
