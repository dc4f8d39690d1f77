import type { DataEnumType, MutabilityEnumType } from '../../ocpp/v201/messages.generated.ts'

/** Values that the device model asks the station for at the moment of reading. */
export interface LiveValues {
  dateTime(): string
  localListEntries(): number
  chargingProfileEntries(): number
  certificateEntries(): number
  displayMessages(): number
  availability(evseId: number | undefined, connectorId: number | undefined): string
  powerW(evseId: number): number
  maxPowerW(evseId: number): number
  phases(evseId: number): number
  seccId(evseId: number): string
  activeNetworkSlot(): number
  securityProfile(): number
}

export interface VariableSpec {
  readonly component: string
  readonly componentInstance?: string
  readonly variable: string
  readonly variableInstance?: string
  /** One per station, per EVSE or per connector. */
  readonly level: 'station' | 'evse' | 'connector'
  readonly dataType: DataEnumType
  readonly mutability: MutabilityEnumType
  readonly value: string
  readonly unit?: string
  readonly min?: number
  readonly max?: number
  readonly values?: string
  readonly monitored?: boolean
  readonly rebootRequired?: boolean
  readonly live?: (
    live: LiveValues,
    evseId: number | undefined,
    connectorId: number | undefined,
  ) => string | number
}

type Extra = Partial<Omit<VariableSpec, 'component' | 'variable' | 'dataType' | 'mutability' | 'value'>>

const spec =
  (dataType: DataEnumType, mutability: MutabilityEnumType) =>
  (
    component: string,
    variable: string,
    value: string | number | boolean,
    extra: Extra = {},
  ): VariableSpec => ({
    component,
    variable,
    dataType,
    mutability,
    value: String(value),
    level: 'station',
    ...extra,
  })

const readFlag = spec('boolean', 'ReadOnly')
const flag = spec('boolean', 'ReadWrite')
const readCount = spec('integer', 'ReadOnly')
const count = spec('integer', 'ReadWrite')
const readText = spec('string', 'ReadOnly')
const text = spec('string', 'ReadWrite')
const secret = spec('string', 'WriteOnly')
const readList = spec('MemberList', 'ReadOnly')
const list = spec('MemberList', 'ReadWrite')
const sequence = spec('SequenceList', 'ReadWrite')
const readOption = spec('OptionList', 'ReadOnly')
const option = spec('OptionList', 'ReadWrite')
const readDecimal = spec('decimal', 'ReadOnly')
const seconds = { unit: 's', min: 0 } as const

const MEASURANDS =
  'Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import,Power.Offered,SoC,Voltage'
const TX_POINTS = 'Authorized,DataSigned,EVConnected,EnergyTransfer,ParkingBayOccupancy,PowerPathClosed'
const AVAILABILITY = 'Available,Occupied,Reserved,Unavailable,Faulted'

const SITE_AND_SECURITY: readonly VariableSpec[] = [
  readFlag('ChargingStation', 'Available', true),
  flag('ChargingStation', 'Enabled', true),
  readFlag('ChargingStation', 'Problem', false, { monitored: true }),
  readText('ChargingStation', 'Model', ''),
  readText('ChargingStation', 'VendorName', ''),
  readText('ChargingStation', 'SerialNumber', ''),
  readText('ChargingStation', 'FirmwareVersion', ''),
  readCount('ChargingStation', 'SupplyPhases', 3),
  readOption('ChargingStation', 'AvailabilityState', 'Available', {
    values: AVAILABILITY,
    live: (live) => live.availability(undefined, undefined),
  }),
  secret('SecurityCtrlr', 'BasicAuthPassword', '', { max: 40 }),
  text('SecurityCtrlr', 'Identity', '', { max: 48 }),
  text('SecurityCtrlr', 'OrganizationName', ''),
  readCount('SecurityCtrlr', 'CertificateEntries', 0, { max: 20, live: (live) => live.certificateEntries() }),
  readCount('SecurityCtrlr', 'SecurityProfile', 1, { live: (live) => live.securityProfile() }),
  flag('SecurityCtrlr', 'AdditionalRootCertificateCheck', false),
  readCount('SecurityCtrlr', 'MaxCertificateChainSize', 10_000),
  count('SecurityCtrlr', 'CertSigningWaitMinimum', 30, seconds),
  count('SecurityCtrlr', 'CertSigningRepeatTimes', 3, { min: 0 }),
  flag('ISO15118Ctrlr', 'Enabled', true),
  flag('ISO15118Ctrlr', 'PnCEnabled', true),
  flag('ISO15118Ctrlr', 'V2GCertificateInstallationEnabled', true),
  flag('ISO15118Ctrlr', 'ContractCertificateInstallationEnabled', true),
  flag('ISO15118Ctrlr', 'CentralContractValidationAllowed', true),
  flag('ISO15118Ctrlr', 'ContractValidationOffline', false),
  flag('ISO15118Ctrlr', 'RequestMeteringReceipt', false),
  readCount('ISO15118Ctrlr', 'MaxScheduleEntries', 24),
  text('ISO15118Ctrlr', 'CountryName', 'DE', { max: 2 }),
  text('ISO15118Ctrlr', 'OrganizationName', ''),
  text('ISO15118Ctrlr', 'SeccId', '', { level: 'evse', live: (live, evseId) => live.seccId(evseId ?? 1) }),
]

const COMMUNICATION: readonly VariableSpec[] = [
  text('OCPPCommCtrlr', 'NetworkConfigurationPriority', '1', { rebootRequired: true }),
  count('OCPPCommCtrlr', 'NetworkProfileConnectionAttempts', 3, { min: 1 }),
  readCount('OCPPCommCtrlr', 'ActiveNetworkProfile', 1, { live: (live) => live.activeNetworkSlot() }),
  readList('OCPPCommCtrlr', 'FileTransferProtocols', 'HTTPS,HTTP', { values: 'FTP,FTPS,HTTP,HTTPS,SFTP' }),
  count('OCPPCommCtrlr', 'HeartbeatInterval', 300, { unit: 's', min: 1 }),
  count('OCPPCommCtrlr', 'WebSocketPingInterval', 60, seconds),
  readCount('OCPPCommCtrlr', 'MessageTimeout', 30, { variableInstance: 'Default', unit: 's' }),
  count('OCPPCommCtrlr', 'MessageAttempts', 3, { variableInstance: 'TransactionEvent', min: 1 }),
  count('OCPPCommCtrlr', 'MessageAttemptInterval', 10, { variableInstance: 'TransactionEvent', ...seconds }),
  count('OCPPCommCtrlr', 'OfflineThreshold', 60, seconds),
  flag('OCPPCommCtrlr', 'QueueAllMessages', false),
  count('OCPPCommCtrlr', 'ResetRetries', 1, { min: 0 }),
  count('OCPPCommCtrlr', 'RetryBackOffRepeatTimes', 4, { min: 0 }),
  count('OCPPCommCtrlr', 'RetryBackOffRandomRange', 5, seconds),
  count('OCPPCommCtrlr', 'RetryBackOffWaitMinimum', 5, seconds),
  flag('OCPPCommCtrlr', 'UnlockOnEVSideDisconnect', true),
  readText('OCPPCommCtrlr', 'ProtocolSupportedByNegotiation', 'ocpp2.0.1'),
  readCount('DeviceDataCtrlr', 'ItemsPerMessage', 32, { variableInstance: 'GetReport' }),
  readCount('DeviceDataCtrlr', 'ItemsPerMessage', 32, { variableInstance: 'GetVariables' }),
  readCount('DeviceDataCtrlr', 'ItemsPerMessage', 32, { variableInstance: 'SetVariables' }),
  readCount('DeviceDataCtrlr', 'BytesPerMessage', 65_536, { variableInstance: 'GetReport' }),
  readCount('DeviceDataCtrlr', 'BytesPerMessage', 65_536, { variableInstance: 'GetVariables' }),
  readCount('DeviceDataCtrlr', 'BytesPerMessage', 65_536, { variableInstance: 'SetVariables' }),
  readCount('DeviceDataCtrlr', 'ConfigurationValueSize', 1000),
  readCount('DeviceDataCtrlr', 'ReportingValueSize', 2500),
  readCount('DeviceDataCtrlr', 'ValueSize', 2500),
  text('ClockCtrlr', 'DateTime', '', { live: (live) => live.dateTime() }),
  sequence('ClockCtrlr', 'TimeSource', 'Heartbeat', { values: 'Heartbeat,NTP,GPS,RealTimeClock' }),
  text('ClockCtrlr', 'TimeZone', 'Europe/Berlin'),
  text('ClockCtrlr', 'TimeOffset', '+00:00'),
  text('ClockCtrlr', 'NtpServerUri', '', { variableInstance: '1' }),
  count('ClockCtrlr', 'TimeAdjustmentReportingThreshold', 20, { unit: 's' }),
]

const METERING: readonly VariableSpec[] = [
  readFlag('AlignedDataCtrlr', 'Available', true),
  flag('AlignedDataCtrlr', 'Enabled', true),
  count('AlignedDataCtrlr', 'Interval', 900, seconds),
  list('AlignedDataCtrlr', 'Measurands', 'Energy.Active.Import.Register', { values: MEASURANDS }),
  flag('AlignedDataCtrlr', 'SendDuringIdle', false),
  flag('AlignedDataCtrlr', 'SignReadings', false),
  count('AlignedDataCtrlr', 'TxEndedInterval', 0, seconds),
  list('AlignedDataCtrlr', 'TxEndedMeasurands', 'Energy.Active.Import.Register', { values: MEASURANDS }),
  readFlag('SampledDataCtrlr', 'Available', true),
  flag('SampledDataCtrlr', 'Enabled', true),
  flag('SampledDataCtrlr', 'SignReadings', false),
  count('SampledDataCtrlr', 'TxUpdatedInterval', 60, seconds),
  list(
    'SampledDataCtrlr',
    'TxUpdatedMeasurands',
    'Current.Import,Voltage,Power.Active.Import,Energy.Active.Import.Register,Current.Offered',
    { values: MEASURANDS },
  ),
  list('SampledDataCtrlr', 'TxStartedMeasurands', 'Energy.Active.Import.Register', { values: MEASURANDS }),
  count('SampledDataCtrlr', 'TxEndedInterval', 0, seconds),
  list('SampledDataCtrlr', 'TxEndedMeasurands', 'Energy.Active.Import.Register', { values: MEASURANDS }),
  flag('TxCtrlr', 'StopTxOnEVSideDisconnect', true),
  flag('TxCtrlr', 'StopTxOnInvalidId', true),
  flag('TxCtrlr', 'TxBeforeAcceptedEnabled', false),
  count('TxCtrlr', 'EVConnectionTimeOut', 120, seconds),
  count('TxCtrlr', 'MaxEnergyOnInvalidId', 0, { unit: 'Wh', min: 0 }),
  list('TxCtrlr', 'TxStartPoint', 'PowerPathClosed', { values: TX_POINTS }),
  list('TxCtrlr', 'TxStopPoint', 'Authorized,EVConnected', { values: TX_POINTS }),
]

const AUTHORIZATION: readonly VariableSpec[] = [
  flag('AuthCtrlr', 'Enabled', true),
  flag('AuthCtrlr', 'AuthorizeRemoteStart', false),
  flag('AuthCtrlr', 'LocalAuthorizeOffline', true),
  flag('AuthCtrlr', 'LocalPreAuthorize', false),
  flag('AuthCtrlr', 'DisableRemoteAuthorization', false),
  flag('AuthCtrlr', 'OfflineTxForUnknownIdEnabled', false),
  text('AuthCtrlr', 'MasterPassGroupId', '', { max: 36 }),
  flag('AuthCacheCtrlr', 'Enabled', true),
  readFlag('AuthCacheCtrlr', 'Available', true),
  count('AuthCacheCtrlr', 'LifeTime', 86_400, seconds),
  flag('LocalAuthListCtrlr', 'Enabled', true),
  readFlag('LocalAuthListCtrlr', 'Available', true),
  readCount('LocalAuthListCtrlr', 'Entries', 0, { max: 1000, live: (live) => live.localListEntries() }),
  readCount('LocalAuthListCtrlr', 'ItemsPerMessage', 64),
  readCount('LocalAuthListCtrlr', 'BytesPerMessage', 65_536),
  flag('LocalAuthListCtrlr', 'DisablePostAuthorize', false),
  flag('ReservationCtrlr', 'Enabled', true),
  readFlag('ReservationCtrlr', 'Available', true),
  readFlag('ReservationCtrlr', 'NonEvseSpecific', true),
]

const SMART_CHARGING: readonly VariableSpec[] = [
  flag('SmartChargingCtrlr', 'Enabled', true),
  readFlag('SmartChargingCtrlr', 'Available', true),
  readCount('SmartChargingCtrlr', 'ProfileStackLevel', 10),
  readList('SmartChargingCtrlr', 'RateUnit', 'A,W', { values: 'A,W' }),
  readCount('SmartChargingCtrlr', 'PeriodsPerSchedule', 24),
  readCount('SmartChargingCtrlr', 'Entries', 0, {
    variableInstance: 'ChargingProfiles',
    max: 20,
    live: (live) => live.chargingProfileEntries(),
  }),
  flag('SmartChargingCtrlr', 'NotifyChargingLimitWithSchedules', true),
  spec('decimal', 'ReadWrite')('SmartChargingCtrlr', 'LimitChangeSignificance', 5, {
    unit: 'Percent',
    min: 0,
    max: 100,
  }),
  readFlag('SmartChargingCtrlr', 'ExternalControlSignalsEnabled', true),
  readFlag('SmartChargingCtrlr', 'Phases3to1', false),
  readFlag('SmartChargingCtrlr', 'ACPhaseSwitchingSupported', false),
]

const EVERYTHING_ELSE: readonly VariableSpec[] = [
  flag('MonitoringCtrlr', 'Enabled', true),
  readFlag('MonitoringCtrlr', 'Available', true),
  readCount('MonitoringCtrlr', 'ItemsPerMessage', 32, { variableInstance: 'SetVariableMonitoring' }),
  readCount('MonitoringCtrlr', 'ItemsPerMessage', 32, { variableInstance: 'ClearVariableMonitoring' }),
  readCount('MonitoringCtrlr', 'BytesPerMessage', 65_536, { variableInstance: 'SetVariableMonitoring' }),
  count('MonitoringCtrlr', 'OfflineQueuingSeverity', 4, { min: 0, max: 9 }),
  readOption('MonitoringCtrlr', 'ActiveMonitoringBase', 'All', {
    values: 'All,FactoryDefault,HardWiredOnly',
  }),
  readCount('MonitoringCtrlr', 'ActiveMonitoringLevel', 9, { min: 0, max: 9 }),
  flag('DisplayMessageCtrlr', 'Enabled', true),
  readFlag('DisplayMessageCtrlr', 'Available', true),
  readCount('DisplayMessageCtrlr', 'DisplayMessages', 0, { max: 20, live: (live) => live.displayMessages() }),
  readList('DisplayMessageCtrlr', 'SupportedFormats', 'ASCII,UTF8,URI', { values: 'ASCII,HTML,URI,UTF8' }),
  readList('DisplayMessageCtrlr', 'SupportedPriorities', 'AlwaysFront,InFront,NormalCycle', {
    values: 'AlwaysFront,InFront,NormalCycle',
  }),
  flag('TariffCostCtrlr', 'Enabled', true, { variableInstance: 'Cost' }),
  readFlag('TariffCostCtrlr', 'Available', true, { variableInstance: 'Cost' }),
  text('TariffCostCtrlr', 'Currency', 'EUR', { max: 3 }),
  text('TariffCostCtrlr', 'TotalCostFallbackMessage', ''),
  readFlag('CustomizationCtrlr', 'CustomImplementationEnabled', false, {
    variableInstance: 'org.example.echo',
  }),
  option('FirmwareCtrlr', 'InstallationPolicy', 'WhenIdle', { values: 'Immediate,WhenIdle' }),
  readFlag('EVSE', 'Available', true, { level: 'evse' }),
  readOption('EVSE', 'AvailabilityState', 'Available', {
    level: 'evse',
    values: AVAILABILITY,
    monitored: true,
    live: (live, evseId) => live.availability(evseId, undefined),
  }),
  readFlag('EVSE', 'AllowReset', true, { level: 'evse' }),
  readDecimal('EVSE', 'Power', 0, {
    level: 'evse',
    unit: 'W',
    monitored: true,
    live: (live, evseId) => live.powerW(evseId ?? 1),
  }),
  readDecimal('EVSE', 'PowerMax', 0, {
    level: 'evse',
    unit: 'W',
    live: (live, evseId) => live.maxPowerW(evseId ?? 1),
  }),
  readCount('EVSE', 'SupplyPhases', 3, { level: 'evse', live: (live, evseId) => live.phases(evseId ?? 1) }),
  readFlag('Connector', 'Available', true, { level: 'connector' }),
  readText('Connector', 'ConnectorType', 'cType2', { level: 'connector' }),
  readOption('Connector', 'AvailabilityState', 'Available', {
    level: 'connector',
    values: AVAILABILITY,
    monitored: true,
    live: (live, evseId, connectorId) => live.availability(evseId, connectorId),
  }),
  readCount('Connector', 'SupplyPhases', 3, {
    level: 'connector',
    live: (live, evseId) => live.phases(evseId ?? 1),
  }),
]

/** Shared by all stations of the process: a station keeps only what differs from it. */
export const VARIABLES: readonly VariableSpec[] = [
  ...SITE_AND_SECURITY,
  ...COMMUNICATION,
  ...METERING,
  ...AUTHORIZATION,
  ...SMART_CHARGING,
  ...EVERYTHING_ELSE,
]
