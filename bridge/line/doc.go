// Package line is pure: which devices of which PBX make a directory number, and how
// several of them make one lamp. A Plan is compiled from a policy.Snapshot and says to
// which lines a device contributes; Compose makes the lamp of a line.
//
// A device that no line lists is the line of its own number (DESIGN §2, zero
// configuration); a special device (a park slot, a conference) is a line whose number is
// the device's name.
package line
