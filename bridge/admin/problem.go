package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/store"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// writeProblem answers outside of an operation (RFC 9457).
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.NewError(status, detail))
}

// problem maps an error to its answer; doing is what failed.
func problem(doing string, err error) error {
	var inPolicy policy.Problems
	var inConfig config.Problems
	var known huma.StatusError
	var conflict *policystore.ConflictError
	var inUse *policy.InUseError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &inPolicy):
		return huma.Error422UnprocessableEntity(
			fmt.Sprintf("cannot %s: %s in the policy document; nothing was changed", doing, count(len(inPolicy), "problem")), policyDetails(inPolicy)...)
	case errors.As(err, &inConfig):
		return huma.Error422UnprocessableEntity(
			fmt.Sprintf("cannot %s: %s in the configuration; nothing was changed", doing, count(len(inConfig), "problem")), configDetails(inConfig)...)
	case errors.As(err, &conflict):
		return huma.Error409Conflict(fmt.Sprintf("cannot %s: the policy was changed meanwhile, it is at revision %d, not %d; nothing was changed: "+
			"read it again, decide again, and send its ETag as If-Match", doing, conflict.Stored, conflict.Wanted),
			&huma.ErrorDetail{Message: "another revision is stored", Location: RevisionLocation, Value: conflict.Stored})
	case errors.As(err, &inUse):
		return huma.Error409Conflict(fmt.Sprintf("cannot %s: %s; nothing was changed: apply another presence group to them first",
			doing, count(len(inUse.Dependents), "dependency record")), inUseDetails(inUse.Dependents)...)
	case errors.Is(err, policy.ErrGroupExists), errors.Is(err, policy.ErrStandardGroup):
		return huma.Error409Conflict(plain(doing, err))
	case isAny(err, policy.ErrNoTenant, policy.ErrNoGroup, policy.ErrNoItem, policy.ErrNoPhone):
		return huma.Error404NotFound(plain(doing, err))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return huma.Error503ServiceUnavailable(fmt.Sprintf("cannot %s in time: %v", doing, err))
	case errors.Is(err, notifier.ErrStopped), errors.Is(err, store.ErrAway), errors.Is(err, store.ErrClosed):
		return huma.Error503ServiceUnavailable(fmt.Sprintf("cannot %s now: %v", doing, err))
	}
	return huma.Error500InternalServerError(fmt.Sprintf("cannot %s: %v", doing, err))
}

// RevisionLocation marks, in the details of a problem, that another revision is stored
// than the writer had seen; the value is that revision.
const RevisionLocation = "revision"

// plain is an error of package policy for people.
func plain(doing string, err error) string {
	return fmt.Sprintf("cannot %s: %s; nothing was changed", doing, strings.TrimPrefix(err.Error(), "policy: "))
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

// inUseDetails lists what uses a presence group, as far as an answer should.
func inUseDetails(dependents []policy.Dependent) (details []error) {
	for _, d := range dependents[:min(len(dependents), maxChanges)] {
		details = append(details, &huma.ErrorDetail{Message: d.String(), Location: d.Kind, Value: api.DependencyRecord(d)})
	}
	return details
}

func policyDetails(problems policy.Problems) []error {
	details := make([]error, len(problems))
	for i, p := range problems {
		d := &huma.ErrorDetail{Message: p.Message, Location: p.Path}
		if p.Line > 0 {
			d.Value = map[string]int{"line": p.Line}
		}
		details[i] = d
	}
	return details
}

func configDetails(problems config.Problems) []error {
	details := make([]error, len(problems))
	for i, p := range problems {
		details[i] = &huma.ErrorDetail{Message: p.Error(), Location: p.Path}
	}
	return details
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
