/** The settings as the OCPP server wants them. */

import type { Config } from './config.ts'
import type { OcppPolicy } from './ocpp/policy.ts'
import { parseWantedVariable } from './stations/wanted-variables.ts'

export function ocppPolicy({ ocpp, retention }: Config): Partial<OcppPolicy> {
  const { cacheExpiryS, ...policy } = ocpp.policy
  const { variables, report, acceptPending } = ocpp.provisioning
  return {
    ...policy,
    ...(cacheExpiryS !== null && { cacheExpiryS }),
    tariff: ocpp.tariff,
    provisioning: {
      variables: variables.map(parseWantedVariable),
      acceptPending,
      ...(report !== 'none' && { report }),
    },
    knownVendorMessages: ocpp.dataTransfer.known,
    messageLog: { mode: ocpp.messageLog, keep: retention.messages },
  }
}
