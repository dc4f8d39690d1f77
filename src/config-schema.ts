/**
 * Every setting as data: type, bounds, default, meaning. Checked by config.ts, typed by config-settings.ts, and the
 * source of docs/configuration.md. One file per section in settings/.
 */

import { contractsSettings } from './settings/contracts.ts'
import { energySettings } from './settings/energy.ts'
import { exportSettings } from './settings/export.ts'
import { fleetSettings } from './settings/fleet.ts'
import { httpSettings, pkiHttpSettings } from './settings/http.ts'
import { ocppSettings } from './settings/ocpp.ts'
import { pkiSettings } from './settings/pki.ts'
import { retentionSettings } from './settings/retention.ts'

export const configSchema = {
  type: 'object',
  properties: {
    dataDir: {
      type: 'string',
      minLength: 1,
      default: 'data',
      description:
        'Folder of the database and of what the service creates for itself. Relative to where it is started.',
    },
    http: httpSettings,
    pkiHttp: pkiHttpSettings,
    ocpp: ocppSettings,
    pki: pkiSettings,
    contracts: contractsSettings,
    energy: energySettings,
    fleet: fleetSettings,
    export: exportSettings,
    log: {
      type: 'object',
      description: 'Structured log on standard error.',
      properties: {
        level: {
          type: 'string',
          enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
          default: 'info',
          description: 'The least level that is written.',
        },
      },
    },
    retention: retentionSettings,
  },
} as const
