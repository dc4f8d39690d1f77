import type { NetworkConnectionProfileType } from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Endpoint } from '../endpoint.ts'

const MAX_SLOTS = 4

/** B09, B10, A05: connection profiles in slots, tried in the configured order. */
export class NetworkProfiles {
  readonly #context: StationContext
  readonly #first: Endpoint
  readonly #slots = new Map<number, NetworkConnectionProfileType>()
  #order: number[] = [1]
  #position = 0
  #failures = 0

  constructor(context: StationContext, first: Endpoint) {
    this.#context = context
    this.#first = first
  }

  get activeSlot(): number {
    return this.#order[this.#position] ?? 1
  }

  /** Address and profile of the slot in use; credentials are the caller's part. */
  get endpoint(): Endpoint {
    const profile = this.#slots.get(this.activeSlot)
    if (profile === undefined) return this.#first
    return {
      ...this.#first,
      url: profile.ocppCsmsUrl,
      securityProfile: asSecurityProfile(profile.securityProfile) ?? this.#first.securityProfile,
    }
  }

  /** Read again at each boot: NetworkConfigurationPriority takes effect with a restart. */
  booted(): void {
    const wanted = this.#context.device.list('OCPPCommCtrlr.NetworkConfigurationPriority').map(Number)
    const usable = wanted.filter((slot) => slot === 1 || this.#slots.has(slot))
    this.#order = usable.length === 0 ? [1] : usable
    this.#position = 0
    this.#failures = 0
  }

  connected(): void {
    this.#failures = 0
  }

  /** After NetworkProfileConnectionAttempts failures the next slot has its turn (B10.FR.03). */
  failed(): void {
    this.#failures++
    if (this.#failures < this.#context.device.number('OCPPCommCtrlr.NetworkProfileConnectionAttempts')) return
    this.#failures = 0
    this.#position = (this.#position + 1) % this.#order.length
  }

  readonly handlers: Handlers = {
    SetNetworkProfile: ({ configurationSlot, connectionData }) => {
      const reasonCode = this.#flaw(configurationSlot, connectionData)
      if (reasonCode !== undefined) return { answer: { status: 'Rejected', statusInfo: { reasonCode } } }
      this.#slots.set(configurationSlot, connectionData)
      return { answer: { status: 'Accepted' } }
    },
  }

  #flaw(slot: number, profile: NetworkConnectionProfileType): string | undefined {
    if (slot < 1 || slot > MAX_SLOTS) return 'InvalidConfSlot'
    if (profile.ocppTransport !== 'JSON' || profile.ocppVersion !== 'OCPP20') return 'InvalidNetworkConf'
    if (!/^wss?:\/\/[^\s]+$/i.test(profile.ocppCsmsUrl)) return 'InvalidNetworkConf'
    const securityProfile = asSecurityProfile(profile.securityProfile)
    if (securityProfile === undefined) return 'InvalidNetworkConf'
    const needsTls = securityProfile > 1
    if (needsTls !== profile.ocppCsmsUrl.toLowerCase().startsWith('wss:')) return 'InvalidNetworkConf'
    // A05: a lower security profile than the present one is never taken.
    return securityProfile < this.endpoint.securityProfile ? 'NoSecurityDowngrade' : undefined
  }
}

function asSecurityProfile(value: number): 1 | 2 | 3 | undefined {
  return value === 1 || value === 2 || value === 3 ? value : undefined
}
