package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

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
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &inPolicy):
		return huma.Error422UnprocessableEntity(
			fmt.Sprintf("cannot %s: %s in the policy document; nothing was changed", doing, count(len(inPolicy), "problem")), policyDetails(inPolicy)...)
	case errors.As(err, &inConfig):
		return huma.Error422UnprocessableEntity(
			fmt.Sprintf("cannot %s: %s in the configuration; nothing was changed", doing, count(len(inConfig), "problem")), configDetails(inConfig)...)
	case errors.Is(err, policystore.ErrConflict):
		return huma.Error412PreconditionFailed(fmt.Sprintf("cannot %s: %s", doing, strings.TrimPrefix(err.Error(), "policystore: ")))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return huma.Error503ServiceUnavailable(fmt.Sprintf("cannot %s in time: %v", doing, err))
	case errors.Is(err, notifier.ErrStopped), errors.Is(err, store.ErrAway), errors.Is(err, store.ErrClosed):
		return huma.Error503ServiceUnavailable(fmt.Sprintf("cannot %s now: %v", doing, err))
	}
	return huma.Error500InternalServerError(fmt.Sprintf("cannot %s: %v", doing, err))
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
