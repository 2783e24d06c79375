// Package pidf writes and reads the NOTIFY bodies of the presence event package
// (RFC 3856): application/pidf+xml (RFC 3863) with what the person does in RPID (RFC
// 4480) within the data model (RFC 4479), the form Cisco's enterprise firmware reads, and
// the older application/xpidf+xml. It is pure: no policy, no dialects, no I/O.
package pidf

// Namespaces of the documents.
const (
	Namespace = "urn:ietf:params:xml:ns:pidf"
	// DataModel is RFC 4479's.
	DataModel = "urn:ietf:params:xml:ns:pidf:data-model"
	// RPID is RFC 4480's.
	RPID = "urn:ietf:params:xml:ns:pidf:rpid"
	// CiscoRPID holds Cisco's own activities, alerting and dnd.
	CiscoRPID = "urn:cisco:params:xml:ns:pidf:rpid"
	// StatusRPID is that of an early draft of RPID, which Cisco's phones still use.
	StatusRPID = "urn:ietf:params:xml:ns:pidf:status:rpid"
)

// Media types of the documents.
const (
	MIME      = "application/pidf+xml"
	MIMEXPIDF = "application/xpidf+xml"
	// MIMECPIM is what Cisco's firmware accepts; PIDF is sent for it.
	MIMECPIM = "application/cpim-pidf+xml"
)
