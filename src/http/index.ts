/** What the composition root uses of src/http. */

export { createKey, ensureFirstAdminKey } from './keys.ts'
export type { HttpServer, HttpServerOptions } from './server.ts'
export { BASE_PATH, createHttpServer } from './server.ts'
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
