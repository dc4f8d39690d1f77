/** G02. */

import type { Handler } from '../router.ts'
import { isoTime } from './record-event.ts'

export const heartbeat: Handler<'Heartbeat'> = (context) => ({ currentTime: isoTime(context) })
