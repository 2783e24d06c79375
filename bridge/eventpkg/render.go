package eventpkg

import (
	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg/internal/xmltext"
)

// maxName bounds display names in bytes; longer ones are cut, not dropped.
const maxName = 64

// AppendBody appends the whole NOTIFY body with its version to dst. It allocates only to
// grow dst.
func AppendBody(dst []byte, c Content, d DialectID, lamp *Lamp, version uint32) []byte {
	dst, at := appendContent(dst, c, &render{dialect: d.Dialect(), lamp: lamp})
	if at < 0 {
		return dst
	}
	// The digits go into the gap: make room behind, then move the rest up.
	n, end := digits(version), len(dst)
	for range n {
		dst = append(dst, 0)
	}
	copy(dst[at+n:], dst[at:end])
	for i := at + n - 1; i >= at; i-- {
		dst[i] = byte('0' + version%10)
		version /= 10
	}
	return dst
}

// Render renders a body once; Body.Append stamps it per watcher.
func Render(c Content, d DialectID, lamp *Lamp) Body {
	return RenderTrimmed(c, d, lamp, TrimNone)
}

// RenderTrimmed is Render with parts left out.
func RenderTrimmed(c Content, d DialectID, lamp *Lamp, trim Trim) Body {
	b, at := appendContent(make([]byte, 0, 1024), c, &render{dialect: d.Dialect(), lamp: lamp, trim: trim})
	return Body{Bytes: b, VersionAt: at}
}

// render is one rendering's input.
type render struct {
	dialect *Dialect
	lamp    *Lamp
	trim    Trim
}

func appendContent(dst []byte, c Content, r *render) ([]byte, int) {
	switch c {
	case PIDF, XPIDF:
		return r.presence(dst, c), -1
	}
	return r.dialogInfo(dst)
}

// name cuts and drops display names as the trim level says.
func (r *render) name(s string) string {
	if r.trim >= TrimNames {
		return ""
	}
	return xmltext.Truncate(s, maxName)
}

// state is the lamp's state after the dialect's preference for a second, ringing call.
func (r *render) state() device.State {
	s := r.lamp.State
	if s != device.Ringing && s != device.Busy {
		return s
	}
	switch r.dialect.SecondCall {
	case SecondRinging:
		for i := range r.lamp.Calls {
			if rings(&r.lamp.Calls[i]) {
				return device.Ringing
			}
		}
	case SecondBusy:
		for i := range r.lamp.Calls {
			if justifiesBusy(&r.lamp.Calls[i]) {
				return device.Busy
			}
		}
	}
	return s
}
