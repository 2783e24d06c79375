package ari

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// The event sources subscribed to. "channel:" is the events of all channels, without any
// of them being in Stasis; nothing of "endpoint:" is needed, since registration shows
// in the device state.
const (
	sourceDevices  = "deviceState:"
	sourceChannels = "channel:"
)

func (s *Source) appPath() string { return "/applications/" + url.PathEscape(s.cfg.App) }

func subscriptionPath(app, source string) string {
	return app + "/subscription?" + url.Values{"eventSource": {source}}.Encode()
}

// subscribe sets the event filter and subscribes the application. The filter goes first,
// so that no event is sent in vain.
func (s *Source) subscribe(ctx context.Context) error {
	type allowed struct {
		Type string `json:"type"`
	}
	var filter struct {
		Allowed []allowed `json:"allowed"`
	}
	for _, t := range slices.Sorted(maps.Keys(usedEvents)) {
		filter.Allowed = append(filter.Allowed, allowed{t})
	}
	err := s.client.call(ctx, http.MethodPut, s.appPath()+"/eventFilter", filter, nil)
	if code := statusOf(err); code == http.StatusNotFound || code == http.StatusMethodNotAllowed {
		s.log.Info("this Asterisk has no event filter (it came with 13.26 and 16.3); all events will come")
		err = nil
	}
	if err != nil {
		return s.explainHang(ctx, "setting the event filter", err)
	}
	for _, source := range []string{sourceChannels, sourceDevices} {
		err := s.client.call(ctx, http.MethodPost, subscriptionPath(s.appPath(), source), nil, nil)
		if statusOf(err) == http.StatusNotFound {
			return fmt.Errorf("%w: Asterisk does not know the application %q: %w", ErrLost, s.cfg.App, err)
		}
		if err != nil {
			return s.explainHang(ctx, "subscribing to "+source, err)
		}
	}
	return nil
}

// unsubscribe deletes the device state subscription, without which a socket may not be
// closed (package comment). One source a request: of several Asterisk takes the
// first and answers 501.
func (s *Source) unsubscribe(ctx context.Context) error {
	return s.client.call(ctx, http.MethodDelete, subscriptionPath(s.appPath(), sourceDevices), nil, nil)
}

// checkApp asks whether our application and its device state subscription are still there.
func (s *Source) checkApp(ctx context.Context) error {
	var app struct {
		Devices []string `json:"device_names"`
	}
	err := s.client.call(ctx, http.MethodGet, s.appPath(), nil, &app)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return fmt.Errorf("%w: Asterisk no longer knows the application %q: %w", ErrLost, s.cfg.App, err)
	case err != nil:
		return s.explainHang(ctx, "asking for the application", err)
	case len(app.Devices) == 0:
		return fmt.Errorf("%w: the device state subscription of application %q is gone", ErrLost, s.cfg.App)
	}
	return nil
}

// deviceState asks for one device state; "" if Asterisk refuses the name.
func (s *Source) deviceState(ctx context.Context, name string) (string, error) {
	var d struct {
		State string `json:"state"`
	}
	err := s.client.call(ctx, http.MethodGet, "/deviceStates/"+url.PathEscape(name), nil, &d)
	var se *statusError
	if errors.As(err, &se) && se.code != http.StatusUnauthorized {
		s.log.Debug("no device state", "device", name, "error", err)
		return "", nil
	}
	return d.State, err
}

// variable reads a channel variable or function; "" if the channel is gone or has none.
func (s *Source) variable(ctx context.Context, channel, name string) (string, error) {
	var v struct {
		Value string `json:"value"`
	}
	path := "/channels/" + url.PathEscape(channel) + "/variable?" + url.Values{"variable": {name}}.Encode()
	err := s.client.call(ctx, http.MethodGet, path, nil, &v)
	return v.Value, err
}
