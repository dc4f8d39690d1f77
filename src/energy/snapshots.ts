import { createHash } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import {
  type Decision,
  decide,
  openSite,
  type Site,
  type SiteSpec,
  type Snapshot,
} from '../../profiles/index.ts'
import type { Store } from '../store/ports.ts'

/** Everything a decision came from, but for the site itself, which is the same for all. */
export type RecordedSnapshot = Omit<Snapshot, 'site'>

/** What a decision consists of, but for its time, which is the snapshot's. */
const PARTS = ['grants', 'pushes', 'nodes', 'powers', 'alarms', 'memory', 'nextChangeMs'] as const
export type DecisionPart = (typeof PARTS)[number]

interface Recorded {
  readonly spec: SiteSpec
  readonly snapshot: RecordedSnapshot
  /** Digests of what was decided then: a replay must come to the same. */
  readonly decided: Readonly<Record<DecisionPart, string>>
}

export interface Replay {
  readonly at: string
  readonly site: Site
  readonly snapshot: RecordedSnapshot
  readonly decision: Decision
  /** The parts in which this version decides otherwise than the one that recorded it; none where it decides the same. */
  readonly differs: readonly DecisionPart[]
}

const EVERY_MS = 10_000
const MAX_EVERY_MS = 50_000
const ALARM_GAP_MS = 5_000
const KEEP_MS = 6 * 3_600_000
const KEEP_BYTES = 64 * 1024 * 1024

const pack = promisify(gzip)
const unpack = promisify(gunzip)

/** Decisions on disk: one every ten to fifty seconds by size, sooner when alarms change, six hours back, within 64 MiB a site. */
export class SnapshotRecorder {
  readonly #store: Store
  readonly #spec: SiteSpec
  #lastMs = Number.NEGATIVE_INFINITY
  #lastAlarms = ''
  #writing = false

  constructor(options: { store: Store; spec: SiteSpec }) {
    this.#store = options.store
    this.#spec = options.spec
  }

  /** Resolves when the snapshot is kept, or was not due. */
  async observe(snapshot: RecordedSnapshot, decision: Decision): Promise<void> {
    const alarms = decision.alarms.map((alarm) => `${alarm.code} ${alarm.where}`).join(';')
    const agoMs = snapshot.nowMs - this.#lastMs
    // Writing a large site down takes the loop's own time: it is done less often, but every minute.
    const everyMs = Math.min(MAX_EVERY_MS, EVERY_MS * Math.max(1, snapshot.evses.length / 200))
    const due = agoMs >= everyMs || (alarms !== this.#lastAlarms && agoMs >= ALARM_GAP_MS)
    if (!due || this.#writing) return
    this.#lastMs = snapshot.nowMs
    this.#lastAlarms = alarms
    this.#writing = true
    try {
      const data = await pack(await this.#write(snapshot, decision))
      await this.#store.energy.keepSnapshot(
        this.#spec.id,
        { atMs: snapshot.nowMs, data },
        { keepFromMs: snapshot.nowMs - KEEP_MS, keepBytes: KEEP_BYTES },
      )
    } finally {
      this.#writing = false
    }
  }

  async #write(snapshot: RecordedSnapshot, decision: Decision): Promise<string> {
    const { evses, ...rest } = snapshot
    const decided: Record<string, string> = {}
    for (const part of PARTS) {
      decided[part] = digestOf(decision, part)
      await yieldToOthers()
    }
    const [spec, most, states] = [writeJson(this.#spec), writeJson(rest), await writeSlices(evses)]
    return `{"spec":${spec},"decided":${writeJson(decided)},"snapshot":${most.slice(0, -1)},"evses":${states}}}`
  }
}

/** The text of arrays, a slice at a time: a thousand EVSEs at once would hold up the answers of stations. */
async function writeSlices(items: readonly object[]): Promise<string> {
  const slices: string[] = []
  for (let from = 0; from < items.length; from += SLICE) {
    slices.push(writeJson(items.slice(from, from + SLICE)).slice(1, -1))
    await yieldToOthers()
  }
  return `[${slices.join(',')}]`
}

const SLICE = 50

/** Decides again what was decided at or last before `atMs`; undefined where nothing is kept from then. */
export async function replay(store: Store, siteId: string, atMs: number): Promise<Replay | undefined> {
  const blob = await store.energy.snapshotAt(siteId, atMs)
  if (!blob) return undefined
  // Written by `observe` above.
  const { spec, snapshot, decided } = readJson((await unpack(blob.data)).toString()) as Recorded
  const opened = openSite(spec)
  if (!opened.ok) return undefined
  const decision = decide({ ...snapshot, site: opened.site })
  // What an earlier version did not know of yet cannot differ.
  const recorded = PARTS.filter((part) => decided?.[part] !== undefined)
  const differs = recorded.filter((part) => decided[part] !== digestOf(decision, part))
  return { at: new Date(blob.atMs).toISOString(), site: opened.site, snapshot, decision, differs }
}

function digestOf(decision: Decision, part: DecisionPart): string {
  // What nobody says anything of is left out of the text, as it is left out of a recorded snapshot.
  return createHash('sha256')
    .update(writeJson({ part: decision[part] }))
    .digest('base64')
}

const INFINITE = '\u221e'

/** JSON has no word for the infinities that limits are full of. */
export function writeJson(value: object): string {
  return JSON.stringify(value, (_, item: unknown) =>
    item === Number.POSITIVE_INFINITY ? INFINITE : item === Number.NEGATIVE_INFINITY ? `-${INFINITE}` : item,
  )
}

export function readJson(text: string): unknown {
  return JSON.parse(text, (_, item: unknown) =>
    item === INFINITE ? Number.POSITIVE_INFINITY : item === `-${INFINITE}` ? Number.NEGATIVE_INFINITY : item,
  )
}
