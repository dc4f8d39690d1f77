/** The demo's rollover: a new CSMS root goes to every station, is shown, proven and left alone, while cars charge. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { paths } from '../http/api.generated.ts'
import type { Operator } from './operator.ts'

type Report = paths['/campaigns/{campaignId}']['get']['responses'][200]['content']['application/json']

const POLL_MS = 1_000

export interface RolloverOptions {
  readonly operator: Operator
  readonly signal: AbortSignal
  readonly say: (text: string) => void
  /** Stations that draw current now. */
  readonly charging: () => number
}

export interface RolloverResult {
  readonly state: string
  readonly stations: number
  readonly done: number
  /** Everyone else, with the reason. */
  readonly rest: readonly string[]
  /** Most cars that charged during the rollover. */
  readonly charging: number
}

/** Resolves when the campaign has ended, or with how far it came when the demo ends first. */
export async function rollOver({
  operator,
  signal,
  say,
  charging,
}: RolloverOptions): Promise<RolloverResult> {
  await operator.request('POST', '/authority-operations', { kind: 'new-generation', line: 'csms-root' })
  say('a second CSMS root was made; the first one signs it, and nothing a station sees has changed yet')
  const plan = (await operator.request('POST', '/campaigns', {
    kind: 'csms-root-rollover',
    name: 'Demo: new CSMS root',
    targets: { all: true },
    limits: {
      waves: [{ stations: 1 }, { percent: 50 }],
      perSite: 4,
      soakS: 1,
      maxFailures: 0.2,
      offlineGraceS: 10,
    },
  })) as Report
  const { id } = plan.campaign
  say(
    `campaign planned: ${plan.counts.pending ?? 0} stations in ${plan.campaign.waves} waves, ${plan.counts.excluded ?? 0} excluded`,
  )
  await operator.request('POST', `/campaigns/${id}/actions`, { action: 'start' })
  let shown = ''
  let most = 0
  let report = plan
  while (!signal.aborted) {
    report = (await operator.request('GET', `/campaigns/${id}`)) as Report
    const { state, phase, wave, waves } = report.campaign
    most = Math.max(most, charging())
    const now = `rollover: ${PHASES[phase] ?? phase}, wave ${wave + 1} of ${waves}, ${report.counts.done ?? 0} done, ${state}`
    if (now !== shown) say(`${now}; ${charging()} cars charge`)
    shown = now
    if (state !== 'running') break
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
  return {
    state: report.campaign.state,
    stations: Object.values(report.counts).reduce((sum, count) => sum + count, 0),
    done: report.counts.done ?? 0,
    rest: report.rest.map(({ stationId, state, reason }) => `${stationId} ${state}: ${reason ?? ''}`),
    charging: most,
  }
}

const PHASES: Readonly<Record<string, string>> = {
  install: 'the new root goes to stations and is confirmed',
  verify: 'the new chain is shown, stations come back under it',
  cleanup: 'the old root goes',
}
