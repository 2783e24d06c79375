package sipua

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// Features does what phones dial codes for. The methods may block, and are called from
// any goroutine.
type Features interface {
	// LogIn logs in whom a phone dialled behind the login code ("user*pin"). An error that
	// matches policy.ErrPIN, ErrNoUser, ErrNoProfile or ErrNotMobile is the phone's own, and
	// so is ErrTooManyTries.
	LogIn(ctx context.Context, phone policy.PhoneRef, dialled string) error
	// LogOut logs out whoever is logged in there, if anybody is.
	LogOut(ctx context.Context, phone policy.PhoneRef) error
}

// ErrTooManyTries: after wrong PINs a phone must wait.
var ErrTooManyTries = errors.New("sipua: too many wrong PINs")

// featureTime bounds the work on one code.
const featureTime = 10 * time.Second

// refusedFeatures are the reason phrases of what a phone did wrong: displays show them, and
// 403 keeps phones from trying another server. User and PIN are told apart to nobody.
var refusedFeatures = []struct {
	err    error
	phrase string
}{
	{ErrTooManyTries, "Too Many Wrong PINs, Wait"},
	{policy.ErrPIN, "User or PIN Wrong"},
	{policy.ErrNoUser, "User or PIN Wrong"},
	{policy.ErrNoProfile, "User Has No Device Profile"},
	{policy.ErrNotMobile, "No Extension Mobility on This Phone"},
}

// feature answers an INVITE to a login or logout code of its tenant; false if it is none.
//
// It is answered as PBXs answer their feature codes: 200, and a BYE at once. A phone shows
// that as a call that worked and ended, while every final response but 2xx is a failure
// with a tone, whatever its reason phrase says. There is no media: what is offered is
// accepted as inactive. What goes wrong is 403 with a phrase for the display.
func (x *exchange) feature() bool {
	s, q := x.server, x.ask
	if q.toTag != "" {
		return false
	}
	snap := s.config.Policy()
	tenant, f, rest := s.featureOf(snap, q.uri)
	if f == policy.NoFeature {
		return false
	}
	claim := s.claimOf(q, snap, x.local())
	if err := x.dialled(snap, caller{claim, s.trunkSource(q, snap, x.local(), tenant)}, func(ctx context.Context, phone policy.PhoneRef) error {
		if f == policy.FeatureLogout {
			return s.config.Features.LogOut(ctx, phone)
		}
		return s.config.Features.LogIn(ctx, phone, rest)
	}); err != nil {
		x.refuseFeature(err)
	}
	return true
}

// featureOf is the feature that a URI dials in its tenant, and what follows its code.
func (s *Server) featureOf(snap *policy.Snapshot, uri string) (tenant string, f policy.Feature, rest string) {
	u, ok := parseURI(uri)
	if !ok || s.config.Features == nil {
		return "", policy.NoFeature, ""
	}
	if tenant, ok = snap.TenantByHost(u.host, s.ours); !ok {
		return "", policy.NoFeature, ""
	}
	f, rest = snap.Feature(tenant, u.user)
	return tenant, f, rest
}

// Dialled reports whether a call to that URI is for the server itself: a code of its own.
func (s *Server) Dialled(uri []byte) bool {
	_, f, _ := s.featureOf(s.config.Policy(), string(uri))
	return f != policy.NoFeature
}

// refuseFeature answers what could not be done.
func (x *exchange) refuseFeature(err error) {
	for _, r := range refusedFeatures {
		if errors.Is(err, r.err) {
			x.respond(outcome{http.StatusForbidden, r.phrase, x.server.refusalTag(x.ask), nil})
			return
		}
	}
	x.refuse(err)
}

// dialled does what a phone dialled, once it is known which phone it is, and answers.
func (x *exchange) dialled(snap *policy.Snapshot, c caller, do func(context.Context, policy.PhoneRef) error) error {
	s, q := x.server, x.ask
	if tags := optionTags(q.headers(kindRequire)); len(tags) > 0 {
		return refusing{ErrExtension, []field{{"Unsupported", strings.Join(tags, ", ")}}}
	}
	if !q.hop.source.IsValid() || !isToken(q.fromTag) {
		return ErrBadRequest
	}
	contact, err := contactOf(q)
	if err != nil {
		return malformed("INVITE needs one Contact")
	}
	routes, err := routeSet(q.headers(kindRecordRoute))
	if err != nil {
		return err
	}
	who, challenge, err := s.identify(q, snap, c)
	if err != nil {
		return s.challenged(err, challenge)
	}
	switch {
	case !who.Trusted:
		return s.challenged(ErrCredentials, challenge)
	case who.Kind != policy.WatcherPhone:
		return ErrForbidden
	}
	h, ok := s.hangups.add(q.callID, s.refusalTag(q))
	if !ok {
		return ErrOverload
	}
	s.order.done(x.place)
	ctx, cancel := context.WithTimeout(context.Background(), featureTime)
	defer cancel()
	if err := do(ctx, policy.PhoneRef{Tenant: who.Tenant, Phone: who.ID}); err != nil {
		s.hangups.remove(h)
		if ctx.Err() != nil {
			return ErrUnavailable
		}
		return err
	}
	p := parsed{contact: contact, routes: routes}
	h.flow = s.flow(q, &p, x.local())
	h.advertised = s.advertised(h.flow.Local)
	h.target, h.routes = contact.bareText, routes
	h.local, h.remote = q.header(kindTo)+";tag="+h.tag, q.header(kindFrom)
	x.answerAndLeave(h)
	return nil
}

// answerAndLeave sends the 200, again until its ACK comes (RFC 3261 §13.3.1.4), and then
// ends the call.
func (x *exchange) answerAndLeave(h *hangup) {
	s := x.server
	res := newResponse(x.req, x.ask, outcome{200, "", h.tag, []field{
		{"Contact", string(notifier.AppendContact(nil, &subscription.Cold{Advertised: h.advertised, RemoteTarget: h.target}, h.flow.Transport))},
		{"Allow", s.allow()}, {"Content-Type", "application/sdp"},
	}})
	res.SetBody(inactive(x.req.Body(), h.flow.Local.Addr()))
	x.answered.Store(true)
	s.metrics.answered(string(x.req.Method), 200, time.Since(x.received))
	if !s.enter() {
		s.hangups.remove(h)
		return
	}
	go func() {
		defer s.handlers.Done()
		defer s.hangups.remove(h)
		h.repeat(s.stopping, h.acked, func() { _ = x.tx.Respond(res) })
		select {
		case <-h.over: // the phone was quicker
			return
		default:
		}
		bye := h.bye()
		h.repeat(s.stopping, h.over, func() { _ = s.Send(h.flow, bye) })
	}()
}

// inactive is the answer to an offer (RFC 3264 §6): its first audio stream accepted and
// inactive, everything else rejected. Without an offer (RFC 3261 §13.3.1.4) it is one.
func inactive(offer []byte, local interface{ Is4() bool }) []byte {
	family := "IP4 0.0.0.0"
	if !local.Is4() {
		family = "IP6 ::"
	}
	var media []string
	taken := false
	for line := range strings.Lines(string(offer)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "m=")
		if f := strings.Fields(rest); ok && len(f) >= 4 {
			port := "0"
			if f[0] == "audio" && !taken && f[1] != "0" {
				taken, port = true, "9"
			}
			m := "m=" + f[0] + " " + port + " " + strings.Join(f[2:], " ") + "\r\n"
			if port != "0" {
				m += "a=inactive\r\n"
			}
			media = append(media, m)
		}
	}
	if len(media) == 0 {
		media = []string{"m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n"}
	}
	return []byte("v=0\r\no=- 0 0 IN " + family + "\r\ns=-\r\nc=IN " + family + "\r\nt=0 0\r\n" + strings.Join(media, ""))
}
