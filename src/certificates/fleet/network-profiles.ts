/**
 * A05: a connection profile with the higher security, its place before the old one, a restart, and proof. And before
 * a rollover: an address of the former chain, its place behind all others.
 */

import type { NetworkConnectionProfileType } from '../../ocpp/v201/messages.generated.ts'
import type { Station } from '../../store/stations.ts'
import { audit, type FleetContext, isoAt } from './context.ts'
import type { Memory } from './leaves.ts'
import { type StepOutcome, troubleOf } from './outcome.ts'

const WAIT_MS = 1_000
const MESSAGE_TIMEOUT_S = 30
/** A reset that waits for the end of a transaction may take as long as a car charges. */
const RESET_WAIT_MS = 24 * 3_600_000

export interface Upgrade {
  readonly to: 2 | 3
  readonly url: string
  readonly slot: number
}

export class NetworkProfiles {
  readonly #context: FleetContext

  constructor(context: FleetContext) {
    this.#context = context
  }

  async upgrade(station: Station, memory: Memory, upgrade: Upgrade): Promise<StepOutcome> {
    const { evidence } = memory
    if (station.securityProfile >= upgrade.to) return this.#proven(station, upgrade)
    if (evidence.slot === undefined) return this.#slot(station, memory, upgrade)
    if (evidence.priority === undefined) return this.#priority(station, memory, upgrade.slot, 'first')
    if (evidence.reset === undefined) return this.#reset(station, memory)
    const waitedMs = this.#context.clock.now() - Date.parse(evidence.reset)
    if (waitedMs > RESET_WAIT_MS)
      return { kind: 'fail', step: 'reconnect', why: 'the station stayed with its old profile' }
    return {
      kind: 'wait',
      step: 'reconnect',
      why: 'waiting for the station to come with the higher profile',
      forMs: WAIT_MS,
    }
  }

  /** A station that will not have it is none the worse for it: the refusal is kept, and it goes on without. */
  async fallback(
    station: Station,
    memory: Memory,
    { url, slot }: { readonly url: string; readonly slot: number },
  ): Promise<StepOutcome> {
    const { evidence } = memory
    if (evidence.priority !== undefined || evidence.noFallback !== undefined || station.securityProfile === 1)
      return { kind: 'done' }
    const outcome =
      evidence.slot === undefined
        ? await this.#slot(station, memory, { to: station.securityProfile, url, slot })
        : await this.#priority(station, memory, slot, 'last')
    if (outcome.kind !== 'fail') return outcome
    await memory.remember({ noFallback: outcome.why })
    return { kind: 'next', step: 'install' }
  }

  async #slot(station: Station, memory: Memory, { to, url, slot }: Upgrade): Promise<StepOutcome> {
    const connectionData: NetworkConnectionProfileType = {
      ocppVersion: 'OCPP20',
      ocppTransport: 'JSON',
      ocppCsmsUrl: url,
      messageTimeout: MESSAGE_TIMEOUT_S,
      securityProfile: to,
      ocppInterface: 'Wired0',
    }
    const outcome = await this.#call(station.id, 'SetNetworkProfile', {
      configurationSlot: slot,
      connectionData,
    })
    if (outcome.kind !== 'answered') return troubleOf('network-profile', outcome)
    const { status, statusInfo } = outcome.payload
    if (status !== 'Accepted')
      return {
        kind: status === 'Failed' ? 'retry' : 'fail',
        step: 'network-profile',
        why: `${status} ${statusInfo?.reasonCode ?? ''}`.trim(),
      }
    await memory.remember({ slot: String(slot) })
    return { kind: 'next', step: 'priority' }
  }

  async #priority(
    station: Station,
    memory: Memory,
    slot: number,
    place: 'first' | 'last',
  ): Promise<StepOutcome> {
    const [known] = await this.#context.store.stations.variables(station.id, {
      component: 'OCPPCommCtrlr',
      variable: 'NetworkConfigurationPriority',
    })
    const before = (known?.value ?? '1').split(',').map((one) => one.trim())
    const others = before.filter((one) => one !== '' && one !== String(slot))
    const order = place === 'first' ? [String(slot), ...others] : [...others, String(slot)]
    const outcome = await this.#call(station.id, 'SetVariables', {
      setVariableData: [
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'NetworkConfigurationPriority' },
          attributeValue: order.join(','),
        },
      ],
    })
    if (outcome.kind !== 'answered') return troubleOf('priority', outcome)
    const status = outcome.payload.setVariableResult[0]?.attributeStatus
    if (status !== 'Accepted' && status !== 'RebootRequired')
      return { kind: 'fail', step: 'priority', why: status ?? 'no result' }
    await memory.remember({ priority: order.join(',') })
    return { kind: 'next', step: place === 'first' ? 'reset' : 'install' }
  }

  async #reset(station: Station, memory: Memory): Promise<StepOutcome> {
    const outcome = await this.#call(station.id, 'Reset', { type: 'OnIdle' })
    // A station may restart before its answer has left.
    const isLost = outcome.kind === 'unanswered'
    if (outcome.kind !== 'answered' && !isLost) return troubleOf('reset', outcome)
    if (outcome.kind === 'answered' && outcome.payload.status === 'Rejected')
      return { kind: 'retry', step: 'reset', why: 'Rejected' }
    await memory.remember({ reset: isoAt(this.#context.clock.now()) })
    return {
      kind: 'wait',
      step: 'reconnect',
      why: 'waiting for the station to come with the higher profile',
      forMs: WAIT_MS,
    }
  }

  /** The door has let it in with the higher profile, and shuts the lower one for good (A05.FR.07). */
  async #proven(station: Station, { to }: Upgrade): Promise<StepOutcome> {
    await audit(this.#context, { action: 'station.profile-upgraded', subject: station.id, detail: { to } })
    return { kind: 'done' }
  }

  #call: FleetContext['bus']['call'] = (stationId, action, payload) =>
    this.#context.bus.call(stationId, action, payload, { deadlineMs: this.#context.timing.callDeadlineMs })
}
