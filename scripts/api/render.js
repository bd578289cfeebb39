// Writes declarations as Markdown. `links` maps the name of a declaration to the location of its section.

const FENCE = '```'
/** A union with more lines than this is the table of metrics, which only docs/metrics.md repeats. */
const MOST_LINES = 6

/** The heading of a declaration. Headings on one page have different anchors. */
export function headingOf({ name, kind }) {
  return kind === 'function' ? `${name}()` : `${kind} ${name}`
}

/** The anchor that GitHub gives a heading. */
export function slugOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

/** The section of a declaration, with a heading of this level. */
export function renderDeclaration(declaration, { declarations, exported, links }, level) {
  const context = { links, own: declaration, level }
  const members = allMembers(declaration, declarations, exported)
  const parts = [
    `${'#'.repeat(level)} ${headingOf(declaration)}`,
    renderText(declaration.doc, context),
    renderCode(signatureOf(declaration, declarations, exported)),
    renderTags(declaration.doc, context),
    renderProperties(members, context),
    ...members
      .filter(isCallable)
      .toSorted(constructorFirst)
      .map((each) => renderMethod(each, members, context)),
    ...hiddenParts(declaration, declarations, exported).map((each) => {
      return renderDeclaration(each, { declarations, exported, links }, level + 1)
    }),
  ]
  return parts.filter((each) => each !== '').join('\n\n')
}

/** The declaration's own members, preceded by those of bases that are not exported and therefore have no section. */
function allMembers(declaration, declarations, exported) {
  const inherited = declaration.bases.flatMap(({ name, arguments: given }) => {
    const base = declarations.get(name)
    if (base === undefined || exported.has(name)) return []
    return allMembers(base, declarations, exported).map((each) => withTypes(each, base.parameters, given))
  })
  return [...inherited, ...declaration.members]
}

/** A member of a generic base, with the type arguments in place of its parameters. */
function withTypes(member, parameters, given) {
  const replace = (text) =>
    parameters.reduce((all, each, i) => all.replaceAll(new RegExp(`\\b${each}\\b`, 'g'), given[i]), text)
  return member.type === undefined
    ? member
    : { ...member, type: replace(member.type), signature: replace(member.signature) }
}

/** The parts of a type that have no section, because they are not exported. */
function hiddenParts(declaration, declarations, exported) {
  if (declaration.kind !== 'type') return []
  return [...declaration.mentions]
    .map((each) => declarations.get(each))
    .filter((each) => each && !exported.has(each.name))
}

/** The signature; empty if it only repeats the heading. Bases without a section are replaced by their own bases. */
function signatureOf(declaration, declarations, exported) {
  const { kind, name, type, head, overloads, bases, parameters } = declaration
  const generic = parameters?.length > 0 ? `<${parameters.join(', ')}>` : ''
  if (kind === 'type') return wrapUnion(`type ${name}${generic} = ${type}`)
  const hidden = bases.map((each) => declarations.get(each.name)).filter((each) => each && !exported.has(each.name))
  const visible = hidden.reduce((text, base) => {
    const inherited = / (?:extends|implements) .*/.exec(base.head.replaceAll(/<[^>]*>/g, ''))?.[0] ?? ''
    return text.replace(new RegExp(` extends ${base.name}\\b(?:<.*>)?(?:, (?=\\w))?`), inherited)
  }, head)
  const signature = [visible, ...overloads.map((each) => each.head)].map((each) => each.replace(/;$/, '')).join('\n')
  return signature === headingOf(declaration) ? '' : signature
}

/** A long union of literals, in lines of at most 100 characters. Of a very long one, only the first is shown. */
function wrapUnion(text) {
  if (text.length <= 100 || text.includes('\n') || text.indexOf(' | ') > 100) return text
  const lines = ['']
  for (const part of text.split(' | ')) {
    const line = lines.at(-1) === '' ? part : `${lines.at(-1)} | ${part}`
    if (line.length <= 100) lines[lines.length - 1] = line
    else lines.push(`  | ${part}`)
  }
  return lines.length > MOST_LINES ? `${text.split(' | ', 1)[0]} | …` : lines.join('\n')
}

function isCallable({ kind }) {
  return kind === 'method' || kind === 'constructor'
}

function renderProperties(members, context) {
  const rows = members
    .filter(({ kind }) => kind === 'property' || kind === 'get')
    .flatMap((each) => renderRows(each, writable(each, members), '', context))
  return rows.length === 0 ? '' : ['| property | type | |', '|---|---|---|', ...rows].join('\n')
}

/** Whether an accessor of a class has a setter too. */
function writable({ name, kind }, members) {
  return kind === 'get' && members.some((each) => each.kind === 'set' && each.name === name)
}

function renderRows(member, settable, prefix, context) {
  const name = `${member.static ? `${context.own.name}.` : prefix}${member.name}${member.optional ? '?' : ''}`
  const text = [renderText(member.doc, context), settable ? 'Can be set.' : '', renderTags(member.doc, context)]
  const type = member.members.length > 0 ? '`object`' : renderType(member.type ?? '', context)
  const cell = text
    .filter(Boolean)
    .join(' ')
    .replaceAll(/\s*\n\s*/g, ' ')
  const row = `| ${code(name)} | ${type} | ${cell.replaceAll(/(?<!\\)\|/g, '\\|')} |`
  const within = `${prefix}${member.name}.`
  return [row, ...member.members.flatMap((each) => renderRows(each, false, within, context))]
}

function renderMethod(member, members, context) {
  const sameName = members.filter(
    (each) => isCallable(each) && each.name === member.name && each.static === member.static,
  )
  if (sameName[0] !== member) return ''
  const parts = [
    // `name[Symbol.dispose]()` would be a link.
    `${'#'.repeat(context.level + 1)} ${methodHeading(member, context.own).replaceAll(/[[\]]/g, '\\$&')}`,
    renderText(member.doc, context),
    renderCode(sameName.map(({ signature }) => signature).join('\n')),
    renderTags(member.doc, context),
  ]
  return parts.filter((each) => each !== '').join('\n\n')
}

/** The names of instances in headings, where they differ from the name of the class. */
const INSTANCES = {
  Cancelable: 'cancel',
  CancelableStream: 'stream',
  CancelationToken: 'token',
  ChunkedStream: 'chunks',
}

function methodHeading({ name, kind, static: isStatic }, own) {
  if (kind === 'constructor') return `new ${own.name}()`
  const object = isStatic ? own.name : (INSTANCES[own.name] ?? own.name[0].toLowerCase() + own.name.slice(1))
  return name.startsWith('[') ? `${object}${name}()` : `${object}.${name}()`
}

function constructorFirst(one, other) {
  return Number(other.kind === 'constructor') - Number(one.kind === 'constructor')
}

function renderCode(text) {
  return text === '' ? '' : `${FENCE}ts\n${text}\n${FENCE}`
}

/** A type in one line, in which each name that has a section is a link to it. */
function renderType(type, { links }) {
  const line = type
    .replaceAll(/\/\*\*(?:(?!\*\/)[^])*\*\//g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return line
    .split(/\b([A-Z]\w+)\b/)
    .map((part, at) => (at % 2 === 1 && links.has(part) ? `[\`${part}\`](${links.get(part)})` : part))
    .reduce((parts, part) => {
      if (part.startsWith('[`') || parts.length === 0 || parts.at(-1).startsWith('[`')) parts.push(part)
      else parts[parts.length - 1] += part
      return parts
    }, [])
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('[`') ? part : code(part)))
    .join('')
}

/** Code inside a table; blanks at its ends stay outside, where Markdown keeps them. */
function code(text) {
  const [, before, inner, after] = /^(\s*)([^]*?)(\s*)$/.exec(text)
  return inner === '' ? before : `${before}\`${inner.replaceAll('|', '\\|')}\`${after}`
}

function renderText({ text }, context) {
  return linkText(text, context)
}

/** Converts the links of a doc comment, and the names of pages in docs/, to Markdown links. */
function linkText(text, { links, own }) {
  return text
    .replaceAll(/\{@link (\w+)\}/g, (_, name) => linkTo(name, links, own))
    .replaceAll(/\{@link (\w+)\.(\w+)\}/g, (_, type, name) => linkToMember(type, name, links, own))
    .replaceAll(/(?<![\w(/[])docs\/([\w-]+\.md)/g, '[$1](../$1)')
}

function linkTo(name, links, own) {
  const member = own.members.find((each) => each.name === name)
  if (member === undefined && links.has(name)) return `[\`${name}\`](${links.get(name)})`
  if (member === undefined) throw new Error(`${own.name}: {@link ${name}} leads nowhere`)
  return isCallable(member) ? `[\`${name}()\`](#${slugOf(methodHeading(member, own))})` : `\`${name}\``
}

/** A member of any type leads to the section of that type. */
function linkToMember(type, name, links, own) {
  if (!links.has(type)) throw new Error(`${own.name}: {@link ${type}.${name}} leads nowhere`)
  return `[\`${type}.${name}\`](${links.get(type)})`
}

const LABELS = { default: 'Default', throws: 'Throws', returns: 'Returns' }

function renderTags({ tags }, context) {
  const parameters = tags
    .filter(({ name }) => name === 'param')
    .map(({ value }) => {
      return `- ${linkText(value.replace(/^(\w+)/, '`$1`:'), context)}`
    })
  const sentences = tags
    .filter(({ name }) => name in LABELS)
    .map((tag) => `${LABELS[tag.name]}: ${tagValue(tag, context)}.`)
  const examples = tags.filter(({ name }) => name === 'example').map(({ value }) => renderCode(value))
  return [parameters.join('\n'), sentences.join('\n\n'), ...examples].filter(Boolean).join('\n\n')
}

/** The value of a tag as Markdown. A default value that is code is formatted as code. */
function tagValue({ name, value }, context) {
  const isCode = name === 'default' && /^(?:'.*'|true|false|Infinity|-?[\d.]+)$/.test(value)
  return isCode ? `\`${value}\`` : linkText(value.replaceAll(/\n\s+/g, '\n'), context)
}
