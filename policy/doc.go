// Package policy decides who may watch what, in the words of CUCM: presence groups and
// the permissions between them, partitions and SUBSCRIBE calling search spaces, lines,
// phones and their BLF/SpeedDial buttons.
//
// A Document is what the administrator writes (YAML: Load, Marshal). Compile makes an
// immutable Snapshot of it, and Decide answers from that alone: a pure function that
// allocates nothing. Explain tells the same steps to people, and Affected says what a
// new Snapshot changes. Nothing here knows SIP, PBXs or stores.
package policy
