/** Profiles as they stand in the records of issued certificates. */

import { certificateProfile } from '../../../pki/index.ts'

export const STATION_LEAF = certificateProfile('station-client').id
export const SECC_LEAF = certificateProfile('secc-leaf').id
export const CROSS = certificateProfile('cross-certificate').id
