/** StatusInfoType within its bounds: reasonCode string[20], additionalInfo string[512]. */

import type { StatusInfoType } from './messages.generated.ts'

export function statusInfo(reasonCode: string, additionalInfo: string): StatusInfoType {
  const info: StatusInfoType = { reasonCode: reasonCode.slice(0, 20) }
  if (additionalInfo !== '') info.additionalInfo = additionalInfo.slice(0, 512)
  return info
}
