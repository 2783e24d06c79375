package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

type subscriptionsInput struct {
	Page
	Tenant     string `query:"tenant" doc:"Only watchers or lines of this tenant."`
	Presentity string `query:"presentity" doc:"Only this number; the forms of one number are equal."`
	Watcher    string `query:"watcher" doc:"Only this watcher: name, trunk, number, URI or ip:port, whole or the part before the @."`
	ID         string `query:"id" doc:"Only this one."`
}

type subscriptionsOutput struct{ Body api.SubscriptionList }

func (s *Server) subscriptions(ctx context.Context, in *subscriptionsInput) (*subscriptionsOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	number := numberFilter{snapshot: serving.Snapshot(), given: in.Presentity}
	out := &subscriptionsOutput{Body: api.SubscriptionList{Summary: api.SubscriptionsSummary{
		ByEvent: map[string]int{}, ByTransport: map[string]int{}, ByLamp: map[string]int{},
	}}}
	var rows []notifier.Row
	err = serving.Subscriptions.Visit(ctx, func(r notifier.Row) {
		out.Body.Total++
		c := &r.Cold
		if in.ID != "" && r.ID != in.ID || in.Tenant != "" && c.Tenant != in.Tenant && c.WatcherTenant != in.Tenant ||
			in.Watcher != "" && !watches(&r, in.Watcher) || !number.is(c.Tenant, presentityNumber(c)) {
			return
		}
		rows = append(rows, r)
	})
	if err != nil {
		return nil, problem("list the subscriptions", err)
	}
	now := time.Now()
	list := make([]api.Subscription, len(rows))
	for i := range rows {
		lamp := serving.Lamps.Lamp(rows[i].Hot.Presentity)
		list[i] = subscriptionOf(&rows[i], &lamp, now)
		summarise(&out.Body.Summary, &list[i])
	}
	slices.SortFunc(list, func(a, b api.Subscription) int {
		return cmp.Or(strings.Compare(a.Watcher.Tenant, b.Watcher.Tenant), compareNumbers(a.Watcher.ID, b.Watcher.ID),
			compareNumbers(a.Presentity.Number, b.Presentity.Number), strings.Compare(a.ID, b.ID))
	})
	out.Body.Matching, out.Body.Subscriptions = len(list), nonNil(pageOf(in.Page, list))
	siblings := map[policy.Line]string{}
	for _, x := range serving.External.Rows() {
		siblings[x.Line] = x.ID
	}
	for i := range out.Body.Subscriptions {
		one := &out.Body.Subscriptions[i]
		if p := &one.Presentity; p.Mode == modeName(false) {
			one.Sibling = siblings[policy.Line{Tenant: p.Tenant, Partition: p.Partition, Number: p.Number}]
		}
		one.Watcher.Number = subscriberNumber(serving.Snapshot(), one)
	}
	return out, nil
}

// subscriberNumber is the line that a watching phone is shown as; empty for who has none.
func subscriberNumber(s *policy.Snapshot, one *api.Subscription) string {
	if one.Watcher.Kind != policy.WatcherPhone.String() {
		return ""
	}
	w := policy.Watcher{Tenant: one.Watcher.Tenant, Kind: policy.WatcherPhone, ID: one.Watcher.ID, Trusted: true}
	d := policy.Decide(s, w, policy.Target{Tenant: one.Presentity.Tenant, Number: one.Presentity.Number, Learned: true}, policy.Counts{})
	claimed, _ := policy.SplitURI(one.Watcher.URI)
	l, _ := s.Subscriber(w, claimed, d)
	return l.Number
}

func summarise(sum *api.SubscriptionsSummary, one *api.Subscription) {
	sum.ByEvent[one.Event]++
	sum.ByTransport[one.Watcher.Transport]++
	sum.ByLamp[one.Lamp]++
	if !one.Durable {
		sum.NotDurable++
	}
	if one.FlowLost || one.Failures > 0 {
		sum.Failing++
	}
}

func presentityNumber(c *subscription.Cold) string {
	line := policy.Line{Tenant: c.Tenant, Partition: c.Partition, Number: c.Number}
	return cmp.Or(notifier.ShownNumber(line, c.Entity), c.Special)
}

// watches reports whether a subscription is of the watcher somebody asks for.
func watches(r *notifier.Row, asked string) bool {
	asked = strings.ToLower(asked)
	for _, name := range []string{r.Cold.WatcherID, r.Cold.Trunk, uriOf(r.Cold.RemoteURI), r.Cold.Remote} {
		name = strings.ToLower(name)
		bare := strings.TrimPrefix(strings.TrimPrefix(name, "sips:"), "sip:")
		user, _, _ := strings.Cut(bare, "@")
		host, _, _ := strings.Cut(bare, ":")
		if name != "" && (name == asked || bare == asked || user == asked || host == asked) {
			return true
		}
	}
	return false
}

// uriOf takes the URI out of a name-addr.
func uriOf(nameAddr string) string {
	if _, rest, ok := strings.Cut(nameAddr, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	return nameAddr
}

func subscriptionOf(r *notifier.Row, l *compositor.Lamp, now time.Time) api.Subscription {
	c, h := &r.Cold, &r.Hot
	shown := eventpkg.Mask(eventpkg.Lamp{State: l.State, DND: l.DND, Calls: l.Calls}, h.View)
	status := "active"
	if h.Status == subscription.Terminated {
		status = "terminated"
	}
	return api.Subscription{
		ID: r.ID,
		Watcher: api.Watcher{
			Tenant: c.WatcherTenant, Kind: h.Kind.String(), ID: c.WatcherID, Trunk: c.Trunk, DigestUser: c.AppUser, URI: uriOf(c.RemoteURI), Contact: c.RemoteTarget,
			Transport: c.Transport, Address: c.Remote, Local: c.Local, UserAgent: c.UserAgent,
		},
		Presentity: api.Presentity{
			Tenant: c.Tenant, Partition: c.Partition, Number: presentityNumber(c), Name: l.Name, URI: c.Entity,
			Mode: modeName(h.Flags&subscription.DeviceMode != 0),
		},
		Lamp: shown.Single().String(), Line: l.Single().String(),
		View: h.View.String(), Pickup: h.Flags&subscription.PickupAllowed != 0,
		Event: h.Package.String(), EventID: c.EventID, Content: eventpkg.Content(h.Content).String(), Dialect: c.DialectName,
		Status: status, Created: r.Created, Expires: r.Expires, ExpiresIn: max(int(r.Expires.Sub(now).Round(time.Second)/time.Second), 0),
		Version: h.Version, CSeq: h.CSeq, Durable: h.Flags&subscription.NonDurable == 0,
		FlowLost: h.Flags&subscription.FlowLost != 0, Waiting: r.Waiting, Failures: int(h.Failures),
		CallID: c.CallID, Shard: int(r.Shard),
	}
}
