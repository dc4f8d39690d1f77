/**
 * Port: stations, their connectors and what they reported about themselves.
 * Every method is one atomic store transaction; a write has been committed when its promise resolves.
 * "Not found" is `undefined`, never an exception.
 */

export type SecurityProfile = 1 | 2 | 3
/** What the CSMS answers to BootNotification (B01-B03). */
export type Registration = 'Accepted' | 'Pending' | 'Rejected'
/** `pending`: connected once without being registered and waits for an operator; `blocked`: may not connect. */
export type Enrolment = 'active' | 'pending' | 'blocked'

export interface BootInfo {
  readonly at: string
  readonly reason: string
  readonly vendorName: string
  readonly model: string
  readonly serialNumber?: string
  readonly firmwareVersion?: string
  readonly iccid?: string
  readonly imsi?: string
}

export interface Station {
  readonly id: string
  readonly enrolment: Enrolment
  readonly registration: Registration
  readonly securityProfile: SecurityProfile
  /** Encoded salted slow hash; never leaves the process. */
  readonly passwordHash: string | null
  /** Compared with the CN of the station's certificate (A00.FR.404, A02). */
  readonly serialNumber: string | null
  /** Compared with the O of the station's certificate (A00.FR.403). */
  readonly organisation: string | null
  readonly group: string | null
  readonly boot: BootInfo | null
  readonly lastSeenAt: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

export interface Connector {
  readonly stationId: string
  readonly evseId: number
  readonly connectorId: number
  readonly status: string
  /** The station's own time stamp of the change. */
  readonly reportedAt: string
  readonly receivedAt: string
}

/** One attribute of one variable, assembled from NotifyReport parts and Get/SetVariables results. */
export interface VariableAttribute {
  readonly component: string
  readonly componentInstance: string | null
  readonly evseId: number | null
  readonly connectorId: number | null
  readonly variable: string
  readonly variableInstance: string | null
  readonly attributeType: 'Actual' | 'Target' | 'MinSet' | 'MaxSet'
  readonly value: string | null
  readonly mutability: string | null
  readonly persistent: boolean | null
  readonly constant: boolean | null
  /** The variableCharacteristics object as reported. */
  readonly characteristics: object | null
}

export type StationRegistration = Pick<
  Station,
  | 'id'
  | 'enrolment'
  | 'registration'
  | 'securityProfile'
  | 'passwordHash'
  | 'serialNumber'
  | 'organisation'
  | 'group'
>

export interface StationFilter {
  readonly group?: string
  readonly enrolment?: Enrolment
  /** Only ids greater than this one: the cursor of a page. */
  readonly after?: string
  readonly limit?: number
}

export interface StationStore {
  get(id: string): Promise<Station | undefined>
  list(filter?: StationFilter): Promise<readonly Station[]>
  /** Creates or replaces what the operator decides; keeps boot information and times. */
  put(registration: StationRegistration, at: string): Promise<Station>
  remove(id: string): Promise<boolean>
  /** The station was told to move to a higher security profile (A05); it may connect with either until it has. */
  offerUpgrade(id: string, to: SecurityProfile): Promise<void>
  upgradeOf(id: string): Promise<SecurityProfile | undefined>
  /** It has moved: from now on only this profile is good (A05.FR.07). */
  completeUpgrade(id: string, to: SecurityProfile, at: string): Promise<void>
  recordBoot(id: string, boot: BootInfo): Promise<void>
  /** Cheap and lossy on purpose: last-seen times of many stations in one write. */
  recordSeen(seen: ReadonlyMap<string, string>): Promise<void>
  recordConnector(connector: Connector): Promise<void>
  connectors(stationId: string): Promise<readonly Connector[]>
  recordVariables(stationId: string, attributes: readonly VariableAttribute[], at: string): Promise<void>
  variables(
    stationId: string,
    filter?: { component?: string; variable?: string },
  ): Promise<readonly VariableAttribute[]>
}
