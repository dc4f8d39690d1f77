/** Port: what the operator API asks of the fleet's certificates. */

import type { RootUse } from '../../../pki/index.ts'
import type { Campaign, TrustAnchor } from '../../store/fleet.ts'
import type { CampaignAction, CampaignOrder, CampaignReport } from './campaigns.ts'
import type { CompromiseOrder, CompromiseReport } from './compromise.ts'
import type { Drift } from './drift.ts'
import type { FirmwareVerdict, SignedFirmware } from './firmware.ts'
import type { EndpointChain } from './server-chain.ts'

export type { CampaignAction, CampaignOrder, CampaignReport } from './campaigns.ts'

export interface FleetApi {
  addAnchor(
    use: RootUse,
    pem: string,
    actor: string,
  ): Promise<
    { readonly ok: true; readonly anchor: TrustAnchor } | { readonly ok: false; readonly message: string }
  >
  policiesChanged(): void
  /** What each endpoint presents to stations, and how many saw it last. */
  serverChains(): Promise<readonly EndpointChain[]>
  /** The authority of a certificate that a station was shown; undefined where it is none of ours. */
  shownAuthority(fingerprint: string | null): Promise<string | undefined>
  drift(filter: { readonly stationId?: string; readonly limit?: number }): Promise<Drift[]>
  /** Undefined where the station answered; otherwise why not. */
  refreshInventory(stationId: string): Promise<string | undefined>
  compromise(
    stationId: string,
    options: Omit<CompromiseOrder, 'stationId'>,
  ): Promise<CompromiseReport | undefined>
  /** Lets a station come with an expired certificate to renew it; undefined takes that back. False: unknown station. */
  permitExpired(stationId: string, untilMs: number | undefined, actor: string): Promise<boolean>
  checkFirmware(firmware: SignedFirmware): Promise<FirmwareVerdict>
  /** Throws with a `code` (campaign.unknown, campaign.invalid, campaign.conflict) where it is refused. */
  planCampaign(order: CampaignOrder, actor: string): Promise<Campaign>
  actOnCampaign(id: string, action: CampaignAction, actor: string): Promise<Campaign>
  campaignReport(id: string): Promise<CampaignReport>
}
