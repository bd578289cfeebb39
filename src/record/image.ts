/** The initial content of a recording: header and information, and zeros for everything else. */
import {
  HEADER,
  HEADER_SIZE,
  MAGIC,
  VERSION,
  crc32,
  layoutOf,
  type Layout,
  type RecordedInfo,
  type Shape,
} from './format.js'

export interface Image {
  readonly layout: Layout
  readonly bytes: Uint8Array
}

/** Writes every byte of the file, so that a full disk is noticed here and not later. */
export function imageOf(shape: Omit<Shape, 'infoLength'>, info: RecordedInfo): Image {
  const text = new TextEncoder().encode(JSON.stringify(info))
  const layout = layoutOf({ ...shape, infoLength: text.length })
  const bytes = new Uint8Array(layout.fileSize)
  bytes.set(MAGIC)
  bytes.set(text, layout.infoOffset)
  const view = new DataView(bytes.buffer)
  view.setUint32(HEADER.version, VERSION, true)
  const { version: _version, checksum: _checksum, ...fields } = HEADER
  for (const [name, offset] of Object.entries(fields)) view.setUint32(offset, layout[name as keyof typeof fields], true)
  const head = crc32(bytes.subarray(0, HEADER.checksum))
  view.setUint32(HEADER.checksum, crc32(text, head), true)
  if (HEADER.checksum + 4 !== HEADER_SIZE) throw new Error('the header has grown')
  return { layout, bytes }
}
