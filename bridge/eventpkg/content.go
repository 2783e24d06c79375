package eventpkg

import (
	"fmt"

	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

// Content is the form of a NOTIFY body. The values are stored: never renumber.
type Content uint8

const (
	// DialogInfo is application/dialog-info+xml (RFC 4235).
	DialogInfo Content = iota
	// PIDF is application/pidf+xml (RFC 3863).
	PIDF
	// XPIDF is application/xpidf+xml, which old Polycom phones ask for.
	XPIDF
)

// Contents lists every Content.
var Contents = [...]Content{DialogInfo, PIDF, XPIDF}

// MIME returns the Content-Type of the body.
func (c Content) MIME() string {
	switch c {
	case DialogInfo:
		return dialoginfo.MIME
	case PIDF:
		return pidf.MIME
	case XPIDF:
		return pidf.MIMEXPIDF
	}
	return fmt.Sprintf("application/x-content-%d", uint8(c))
}

// String is the short name used in logs and golden files.
func (c Content) String() string {
	switch c {
	case DialogInfo:
		return "dialog-info"
	case PIDF:
		return "pidf"
	case XPIDF:
		return "xpidf"
	}
	return fmt.Sprintf("content(%d)", uint8(c))
}
