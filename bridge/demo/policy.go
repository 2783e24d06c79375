package demo

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"

	"blfbridge/bridge"
	"blfbridge/bridge/config"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// policyText is the policy that the demo begins with.
//
//go:embed policy.yaml
var policyText string

// policyOpen is the same with the group Temps let in.
var policyOpen = strings.Replace(policyText, "{from: Temps, to: Standard, subscribe: disallow}", "{from: Temps, to: Standard, subscribe: allow}", 1)

// importPolicy puts the first policy into the store, before the bridge opens it.
func importPolicy(ctx context.Context, c *config.Config) error {
	d, err := policy.Load([]byte(policyText))
	if err != nil {
		return err
	}
	s, closeStore, err := bridge.OpenPolicy(ctx, c)
	if err != nil {
		return err
	}
	if _, err := s.Import(ctx, d, policystore.AnyRevision); err != nil {
		closeStore() // the first error tells
		return err
	}
	return closeStore()
}

// setPolicy replaces the policy over REST, as an administrator would, and lets the
// watcher whom it concerns try again.
func setPolicy(text string, retry bool) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		if err := r.putPolicy(ctx, text); err != nil || !retry {
			return err
		}
		for i := range watchers {
			if watchers[i].refused {
				return r.watch.subscribe(ctx, i)
			}
		}
		return nil
	}
}

func (r *rig) putPolicy(ctx context.Context, text string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+r.admin+"/api/v1/policy", strings.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/yaml")
	req.Header.Set("If-Match", "*")
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("PUT /api/v1/policy: %s: %s", resp.Status, body)
	}
	r.board.tell(sourceSIP, "REST PUT /api/v1/policy: "+resp.Status)
	return nil
}
