// Package admin is the side of the administrators: a REST API under /api/v1 with its
// OpenAPI document at /openapi.json, Prometheus metrics at /metrics, and /healthz and
// /readyz for those who watch the process.
//
// It listens on loopback by default. There everybody on the host may read; elsewhere
// reading needs the token (admin.token) too. Every write needs the token, and so does
// the policy while it holds digest passwords. Health and metrics are open everywhere:
// they name no line and no watcher.
//
// Errors are problem documents (RFC 9457). The package decides nothing: it asks the
// compositor, the notifier, the policy and the process, and says what they answered.
package admin
