// Package policy decides who may watch what, in the words of CUCM and CME: presence
// groups and the permissions between them, partitions and SUBSCRIBE calling search
// spaces, lines, phones and their BLF/SpeedDial buttons, end users and the device
// profiles they log in with, trunks and the application users behind them, and the
// routes to presentities elsewhere.
//
// A Document is what the administrator writes (YAML: Load, Marshal). Functions such as
// RenameGroup, DeleteGroups, RelateGroups and Apply make a new one of it, and Diff tells
// two apart. Compile makes an immutable Snapshot, WithLogins and WithDomains add what
// comes and goes without the administrator, and Decide answers from that alone: a pure
// function that allocates nothing. For an external presentity its Decision names a
// Route, and DecideTrunk is asked about each trunk of it. Explain tells the same steps to
// people, and Affected says what a new Snapshot changes for standing subscriptions.
//
// cisco.md, beside this file, maps every item of Cisco's three presence documents to the
// rule here that carries it and to the test of that rule. Nothing here knows SIP, PBXs
// or stores.
package policy
