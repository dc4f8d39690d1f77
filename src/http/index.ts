/** What the composition root uses of src/http. */

export { BASE_PATH } from './base-path.ts'
export { createKey, ensureFirstAdminKey } from './keys.ts'
export type { HttpServer, HttpServerOptions } from './server.ts'
export { createHttpServer } from './server.ts'
export type {
  ApiServices,
  CertificateService,
  Issue,
  LimitService,
  Refusable,
  SiteConfig,
  SiteService,
  SiteStatus,
} from './services.ts'
