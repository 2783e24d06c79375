package esl

// The events asked for, and why each:
//
//	CHANNEL_CREATE           who, direction, which leg dialled it
//	CHANNEL_CALLSTATE        the state of a leg
//	CHANNEL_PROGRESS[_MEDIA] the far end rings; the only event with Call-ID and tags of a ringing leg
//	CHANNEL_ANSWER           answered, before the call state says so
//	CHANNEL_BRIDGE, _UNBRIDGE, CALL_UPDATE  who talks to whom, after transfer and pickup too
//	CHANNEL_HANGUP_COMPLETE  the end, should the call state HANGUP be lost
//	PRESENCE_IN, PHONE_FEATURE[_SUBSCRIBE]  do not disturb
//
// Not asked for: CHANNEL_STATE, _HOLD, _UNHOLD, _DESTROY, _EXECUTE: they say nothing that
// these do not, and are half of all bytes.
var (
	coreEvents = []string{
		"CHANNEL_CREATE", "CHANNEL_CALLSTATE", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER",
		"CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CALL_UPDATE", "CHANNEL_HANGUP_COMPLETE",
		"PRESENCE_IN", "PHONE_FEATURE", "PHONE_FEATURE_SUBSCRIBE",
	}
	customEvents = []string{
		"sofia::register", "sofia::unregister", "sofia::expire",
		"conference::maintenance", "valet_parking::info",
	}
	subscribed = func() map[string]struct{} {
		m := map[string]struct{}{}
		for _, list := range [][]string{coreEvents, customEvents} {
			for _, n := range list {
				m[n] = struct{}{}
			}
		}
		return m
	}()
)

// eventList is the argument of the event command: core names first, because every name
// after CUSTOM is a subclass.
func eventList() []string {
	list := append([]string{}, coreEvents...)
	return append(append(list, "CUSTOM"), customEvents...)
}
