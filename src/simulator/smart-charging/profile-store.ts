import type {
  ChargingLimitSourceEnumType,
  ChargingProfileType,
  ClearChargingProfileRequest,
  GetChargingProfilesRequest,
} from '../../ocpp/v201/messages.generated.ts'

export interface StoredProfile {
  readonly evseId: number
  readonly profile: ChargingProfileType
  /** CSO for what the CSMS sent; others for limits that reached the station on its own. */
  readonly source: ChargingLimitSourceEnumType
}

/** The charging profiles that the station holds; they survive a reboot, TxProfiles die with their transaction. */
export class ProfileStore {
  #profiles: readonly StoredProfile[] = []
  #onChange: (entries: number) => void

  constructor(onChange: (entries: number) => void) {
    this.#onChange = onChange
  }

  get all(): readonly StoredProfile[] {
    return this.#profiles
  }

  /** The same id replaces; so does the same purpose, level and EVSE, which validation let through. */
  put(stored: StoredProfile): void {
    const others = this.#profiles.filter((other) => other.profile.id !== stored.profile.id)
    this.#replace([...others, stored])
  }

  /** K10: by id, or by everything that the criteria name. False when nothing matched. */
  clear(request: ClearChargingProfileRequest): boolean {
    const { chargingProfileId, chargingProfileCriteria: criteria } = request
    const kept = this.#profiles.filter((stored) => {
      if (stored.profile.chargingProfilePurpose === 'ChargingStationExternalConstraints') return true
      if (chargingProfileId !== undefined) return stored.profile.id !== chargingProfileId
      if (criteria === undefined) return false
      const { evseId, chargingProfilePurpose, stackLevel } = criteria
      const matches =
        (evseId === undefined || evseId === stored.evseId) &&
        (chargingProfilePurpose === undefined ||
          chargingProfilePurpose === stored.profile.chargingProfilePurpose) &&
        (stackLevel === undefined || stackLevel === stored.profile.stackLevel)
      return !matches
    })
    return this.#replace(kept)
  }

  /** K09: what GetChargingProfiles asks for. */
  find(request: GetChargingProfilesRequest): readonly StoredProfile[] {
    const { chargingProfileId, chargingProfilePurpose, stackLevel, chargingLimitSource } =
      request.chargingProfile
    return this.#profiles.filter(
      ({ evseId, profile, source }) =>
        (request.evseId === undefined || request.evseId === evseId) &&
        (chargingProfileId === undefined || chargingProfileId.includes(profile.id)) &&
        (chargingProfilePurpose === undefined || chargingProfilePurpose === profile.chargingProfilePurpose) &&
        (stackLevel === undefined || stackLevel === profile.stackLevel) &&
        (chargingLimitSource === undefined || chargingLimitSource.includes(source)),
    )
  }

  transactionEnded(transactionId: string): void {
    this.#replace(this.#profiles.filter(({ profile }) => profile.transactionId !== transactionId))
  }

  /** Removes the station's own constraint; false when there was none. */
  clearExternal(evseId: number): boolean {
    return this.#replace(
      this.#profiles.filter(
        (stored) =>
          stored.evseId !== evseId ||
          stored.profile.chargingProfilePurpose !== 'ChargingStationExternalConstraints',
      ),
    )
  }

  #replace(next: readonly StoredProfile[]): boolean {
    const changed =
      next.length !== this.#profiles.length || next.some((each, i) => each !== this.#profiles[i])
    this.#profiles = next
    if (changed) this.#onChange(next.length)
    return changed
  }
}
