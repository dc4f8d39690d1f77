/**
 * Port: what stations hold in their trust stores, what they should hold, and the campaigns that get them there.
 * Every method is one atomic store transaction; "not found" is `undefined`.
 */

/** OCPP GetCertificateIdUseEnumType. */
export type CertificateUse =
  | 'V2GRootCertificate'
  | 'MORootCertificate'
  | 'CSMSRootCertificate'
  | 'V2GCertificateChain'
  | 'ManufacturerRootCertificate'

/** One certificate in one station's store, as the station named it; a sub-CA of a chain has a parent. */
export interface InstalledCertificate {
  readonly stationId: string
  readonly use: CertificateUse
  readonly hashAlgorithm: 'SHA256' | 'SHA384' | 'SHA512'
  readonly issuerNameHash: string
  readonly issuerKeyHash: string
  readonly serialNumber: string
  /** hashDataKey of the certificate that this one was listed under; null for a root or a leaf. */
  readonly parentKey: string | null
  readonly reportedAt: string
}

/** What is known about a station's store and link, beside the rows. */
export interface StationTrust {
  readonly stationId: string
  /** When the whole store was last reported; null: never, or something was changed since then. */
  readonly inventoryAt: string | null
  /** SHA-256 of the leaf that it showed in its last TLS handshake with a certificate. */
  readonly leafFingerprint: string | null
  readonly connectedAt: string | null
  /** SHA-256 of the certificate that our server showed it then; null where it came without TLS. */
  readonly shown: string | null
  /** Tries of the present repair step that failed, and when the next may be made. */
  readonly attempts: number
  readonly notBefore: string | null
  /** Fingerprints of roots that the station refused: not offered again by themselves. */
  readonly refused: readonly string[]
  readonly detail: string | null
  /** Hash of a password that the station may have taken without saying so; null where there is none. */
  readonly passwordCandidate: string | null
  /** Until when it may come with an expired certificate, to get a new one and nothing else (A00.FR.429). */
  readonly expiredUntil: string | null
  /** CertSigningWaitMinimum as it was before it was raised; null where it is as it was. */
  readonly signingWaitS: number | null
}

export interface TrustAnchor {
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string
  readonly use: Exclude<CertificateUse, 'V2GCertificateChain'>
  readonly subject: string
  readonly notBefore: string
  readonly notAfter: string
  readonly der: Uint8Array
  readonly createdAt: string
}

export type PolicyScope = 'all' | 'site' | 'group' | 'station'

/** Anchors that the stations of a scope should hold for one use. What several policies want adds up. */
export interface TrustPolicy {
  readonly id: string
  readonly scope: PolicyScope
  /** Site, group or station; empty for `all`. */
  readonly scopeId: string
  readonly use: TrustAnchor['use']
  readonly fingerprints: readonly string[]
  /** `report`: drift is only shown; `install`: what is missing is installed; `exact`: what is not wanted goes as well. */
  readonly repair: 'report' | 'install' | 'exact'
  readonly setBy: string
  readonly updatedAt: string
}

export type CampaignKind =
  | 'roots'
  | 'csms-root-rollover'
  /** Another sub-CA of our TLS server, under the root that stations have. */
  | 'server-chain'
  | 'station-leaf'
  | 'secc-leaf'
  | 'basic-auth-password'
  | 'security-profile'

export type CampaignState =
  | 'planned'
  | 'running'
  | 'paused'
  | 'halted'
  | 'rolling-back'
  | 'finished'
  | 'rolled-back'
  | 'cancelled'

export interface Campaign {
  readonly id: string
  readonly kind: CampaignKind
  readonly name: string
  readonly state: CampaignState
  /** What its kind needs, e.g. the roots to install. */
  readonly parameters: object
  /** Waves and limits, see src/certificates/fleet/plan.ts. */
  readonly limits: object
  /** Part of the campaign that everyone goes through together, e.g. `install` before `cutover`. */
  readonly phase: string
  readonly wave: number
  readonly waves: number
  readonly waveStartedAt: string | null
  /** When all stations of the present wave had ended. */
  readonly waveEndedAt: string | null
  readonly detail: string | null
  readonly createdBy: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly deadline: string | null
}

/**
 * `excluded` by the preflight; `deferred`: offline for too long, the campaign goes on without it and takes it when
 * it comes back; `straggler`: not done at the deadline.
 */
export type CampaignStationState =
  | 'excluded'
  | 'pending'
  | 'running'
  | 'deferred'
  | 'done'
  | 'failed'
  | 'straggler'
  | 'rolled-back'

export interface CampaignStation {
  readonly campaignId: string
  readonly stationId: string
  readonly siteId: string
  readonly wave: number
  readonly state: CampaignStationState
  /** The step that is being done, or where it stopped. */
  readonly step: string
  readonly attempts: number
  readonly reason: string | null
  readonly notBefore: string | null
  /** What the steps need to remember: never a secret. */
  readonly evidence: Readonly<Record<string, string>>
  readonly startedAt: string | null
  readonly updatedAt: string
}

export interface CampaignStationFilter {
  readonly states?: readonly CampaignStationState[]
  readonly step?: string
  /** Only stations of this wave and those before it. */
  readonly upToWave?: number
  readonly dueAt?: string
  readonly after?: string
  readonly limit?: number
}

export interface CampaignCount {
  readonly wave: number
  readonly state: CampaignStationState
  readonly step: string
  readonly count: number
}

export interface FleetStore {
  /** Replaces what the station reported for these uses, and says when; complete: for all uses. */
  putInventory(
    stationId: string,
    uses: readonly CertificateUse[],
    rows: readonly InstalledCertificate[],
    at: string,
    complete: boolean,
  ): Promise<void>
  installed(stationId: string): Promise<readonly InstalledCertificate[]>
  /** Of many stations in one read. */
  installedOf(stationIds: readonly string[]): Promise<readonly InstalledCertificate[]>
  trust(stationId: string): Promise<StationTrust | undefined>
  trustOf(stationIds: readonly string[]): Promise<readonly StationTrust[]>
  /** Changes what is named, creates the row where it is missing. */
  updateTrust(stationId: string, change: Partial<Omit<StationTrust, 'stationId'>>): Promise<void>
  /** Several connections in one write. */
  recordLinks(links: readonly { stationId: string; at: string; shown: string | null }[]): Promise<void>
  /** Stations whose CertSigningWaitMinimum has to be set back. */
  raisedWaits(): Promise<readonly { readonly stationId: string; readonly signingWaitS: number }[]>
  /** How many stations were shown which of our certificates when they connected last. */
  shownCounts(): Promise<readonly { readonly shown: string; readonly stations: number }[]>

  putAnchor(anchor: TrustAnchor): Promise<void>
  anchors(): Promise<readonly TrustAnchor[]>
  /** False where it is unknown, or where a policy still names it. */
  removeAnchor(use: string, fingerprint: string): Promise<boolean>
  putPolicy(policy: TrustPolicy): Promise<void>
  policies(): Promise<readonly TrustPolicy[]>
  removePolicy(id: string): Promise<boolean>

  /** The campaign and its stations appear together. */
  createCampaign(campaign: Campaign, stations: readonly CampaignStation[]): Promise<void>
  /** With `before`: false, and nothing written, where the stored one has been changed since it was read. */
  putCampaign(campaign: Campaign, before?: Campaign): Promise<boolean>
  campaign(id: string): Promise<Campaign | undefined>
  campaigns(filter?: { states?: readonly CampaignState[]; limit?: number }): Promise<readonly Campaign[]>
  putCampaignStation(row: CampaignStation): Promise<void>
  campaignStation(campaignId: string, stationId: string): Promise<CampaignStation | undefined>
  campaignStations(campaignId: string, filter?: CampaignStationFilter): Promise<readonly CampaignStation[]>
  campaignCounts(campaignId: string): Promise<readonly CampaignCount[]>
  /** Started since, for limits per hour. */
  campaignStartedSince(campaignId: string, at: string): Promise<number>
  /** All stations of a campaign that are in one of the states move to another one: deadlines, rollbacks. */
  moveCampaignStations(
    campaignId: string,
    from: readonly CampaignStationState[],
    change: { readonly state: CampaignStationState; readonly step?: string; readonly reason?: string | null },
    at: string,
  ): Promise<number>

  /** Small settings of the fleet: which chain the server shows, how far an export has come. */
  setting(name: string): Promise<string | undefined>
  putSetting(name: string, value: string): Promise<void>
}
