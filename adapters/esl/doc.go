// Package esl is the FreeSWITCH adapter: it turns one FreeSWITCH, seen through its
// event socket, into the devices of a compositor.Source.
//
// What is a line here. The presentity of a channel is its Channel-Presence-ID
// (user@domain), on both legs and through transfer, pickup and park; never
// Caller-Username, which on a called leg is the caller. A user's state is that of its
// channels (CHANNEL_CALLSTATE per Unique-ID with Answer-State; answered is busy whatever
// the call state, because a blind transfer drives an answered leg through RINGING), else
// that of its registrations: one or more is idle, none is unknown. Users of list_users
// are reported even when they are not registered, so that their lines exist.
//
// Initial state and repair. Subscribing replays nothing, so: subscribe first, then ask
// (show channels, show calls, sofia xmlstatus, valet_info, conference json_list); what an
// event touched meanwhile wins over the answer, because show channels is a database that
// lags the events by 35 to 70 ms. The reconciler asks again every Config.Reconcile and
// repairs only what no event touched and what a second look and uuid_dump confirm.
// Do-not-disturb can not be asked for; it is remembered over reconnects.
//
// What is used of github.com/percipia/eslgo. Its command package writes every command.
// Its connection is not used: each listener call is its own goroutine, so the order of
// events is lost (2668 of 5978 under load) and can not be restored, because
// Event-Sequence has gaps under an event list; replies are not paired with commands; its
// dial hangs on text/rude-rejection and on a silent server; a connection cut within a
// frame is not reported; one odd header drops the whole event. Here one reader reads, in
// order and without ever waiting for anybody (FreeSWITCH buffers without limit for a
// client that does not read), and one applier applies. Between them is a bounded queue;
// when it is full events are dropped, and everything is asked for again.
package esl
