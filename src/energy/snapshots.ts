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

interface Recorded {
  readonly spec: SiteSpec
  readonly snapshot: RecordedSnapshot
  /** What was decided then, by EVSE key: a replay must come to the same. */
  readonly grantedA: Readonly<Record<string, number>>
}

export interface Replay {
  readonly at: string
  readonly site: Site
  readonly snapshot: RecordedSnapshot
  readonly decision: Decision
  /** Whether this version decides as the one that recorded it did. */
  readonly same: boolean
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
      const grantedA = grantsOf(decision)
      const data = await pack(writeJson({ spec: this.#spec, snapshot, grantedA } satisfies Recorded))
      await this.#store.energy.keepSnapshot(
        this.#spec.id,
        { atMs: snapshot.nowMs, data },
        { keepFromMs: snapshot.nowMs - KEEP_MS, keepBytes: KEEP_BYTES },
      )
    } finally {
      this.#writing = false
    }
  }
}

/** Decides again what was decided at or last before `atMs`; undefined where nothing is kept from then. */
export async function replay(store: Store, siteId: string, atMs: number): Promise<Replay | undefined> {
  const blob = await store.energy.snapshotAt(siteId, atMs)
  if (!blob) return undefined
  // Written by `observe` above.
  const { spec, snapshot, grantedA } = readJson((await unpack(blob.data)).toString()) as Recorded
  const opened = openSite(spec)
  if (!opened.ok) return undefined
  const decision = decide({ ...snapshot, site: opened.site })
  const again = grantsOf(decision)
  const same = Object.entries(again).every(([key, valueA]) => grantedA[key] === valueA)
  return { at: new Date(blob.atMs).toISOString(), site: opened.site, snapshot, decision, same }
}

function grantsOf(decision: Decision): Record<string, number> {
  return Object.fromEntries(decision.grants.map((grant) => [grant.key, grant.limitA]))
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
