package admin

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Prefix is the path of the REST API; what changes incompatibly gets another one.
const Prefix = "/api/v1"

const tokenScheme = "token"

// routes makes the handler behind the guard.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.c.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	s.operations(humago.New(mux, s.description()))
	if s.c.Console != nil {
		mux.Handle("GET /", s.c.Console)
	}
	return &router{mux: mux, console: s.c.Console != nil}
}

// description is the frame of the OpenAPI document. The pages that huma would serve
// beside it load code from elsewhere, and are left out.
func (s *Server) description() huma.Config {
	version := s.c.Version
	if version == "" {
		version = "unknown"
	}
	c := huma.DefaultConfig("blfbridge admin API", version)
	c.Info.Description = "Lamps, subscriptions and policy of a running blfbridge. Every write, and every read from " +
		"another host than the bridge's own, needs the token of admin.token. Errors are problem documents (RFC 9457)."
	c.DocsPath, c.SchemasPath = "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{
		"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat, "application/x-www-form-urlencoded": formFormat,
	}
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		tokenScheme: {Type: "http", Scheme: "bearer", Description: "The value of admin.token."},
	}
	return c
}

// operations registers all of the REST API.
func (s *Server) operations(a huma.API) {
	a.UseMiddleware(bounded(a))
	huma.Register(a, read("list-sources", "/sources", "Connected PBXs", "What became of the connection to every PBX."), s.sources)
	huma.Register(a, read("list-lines", "/lines", "Lines and their lamps", "Every line that has a device, as the bridge sees it."), s.lines)
	huma.Register(a, read("list-subscriptions", "/subscriptions", "Who watches what", "Standing SIP subscriptions, sorted by watcher."), s.subscriptions)
	huma.Register(a, read("list-external", "/external", "Lines of other systems", "Lines that are watched over SIP trunks, and how their subscriptions stand."), s.external)
	huma.Register(a, read("get-cluster", "/cluster", "Replicas", "Who owns what of several replicas on one Redis, and how far each is with the PBXs' feeds. 404 for a bridge that is alone."), s.cluster)
	huma.Register(a, read("get-presence", "/presence", "Global settings", "The settings that hold for all watchers."), s.presence)
	huma.Register(a, read("explain", "/explain", "Who may watch what, and why", "Decides without subscribing, and tells every step."), s.explain)
	huma.Register(a, read("get-version", "/version", "Version", "The running binary."), s.version)
	s.policyOperations(a)
	s.traceOperation(a)
	huma.Register(a, write(http.MethodPost, "reload", "/reload", "Reload",
		"Reads configuration and policy again, as SIGHUP does, and puts both in force or neither."), s.reload)
	s.mobility(a)
}

func read(id, path, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: Prefix + path, Summary: summary, Description: description,
		Security: []map[string][]string{{}, {tokenScheme: {}}}, Errors: []int{401, 403, 422, 500, 503},
	}
}

func write(method, id, path, summary, description string) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: Prefix + path, Summary: summary, Description: description,
		Security: []map[string][]string{{tokenScheme: {}}}, Errors: []int{401, 403, 422, 500, 503},
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTimeout,
	}
	return o
}

// edit is a write that takes If-Match, and large a body that may be a whole policy.
func edit(method, id, path, summary, description string) huma.Operation {
	o := write(method, id, path, summary, description)
	o.Errors = append(o.Errors, 400, 404, 409, 428)
	return o
}

func large(o huma.Operation) huma.Operation {
	o.MaxBodyBytes = MaxPolicy
	o.Errors = append(o.Errors, 413)
	return o
}

// bounded refuses a body by the length it says it has, before any of it is read. One that
// does not say is read as far as it may be, and one that nobody asked for not at all.
func bounded(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		limit := ctx.Operation().MaxBodyBytes
		if r, _ := humago.Unwrap(ctx); ctx.Operation().RequestBody != nil && r.ContentLength > limit {
			_ = huma.WriteErr(a, ctx, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are taken", r.ContentLength, limit))
			return
		}
		next(ctx)
	}
}

// router answers what the mux has no route for with problem documents.
type router struct {
	mux     *http.ServeMux
	console bool
}

// ServeHTTP implements http.Handler.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := rt.mux.Handler(r); pattern != "" && (pattern != "GET /" || !isAPI(r)) {
		rt.mux.ServeHTTP(w, r)
		return
	}
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := rt.mux.Handler(probe); pattern != "" && (pattern != "GET /" || !isAPI(r)) {
			w.Header().Add("Allow", method)
			allow = append(allow, method)
		}
	}
	if allow != nil {
		writeProblem(w, http.StatusMethodNotAllowed, r.Method+" is not possible on "+r.URL.Path)
		return
	}
	writeProblem(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+": /openapi.json lists what there is")
}

func isAPI(r *http.Request) bool {
	return len(r.URL.Path) >= 5 && r.URL.Path[:5] == "/api/"
}
