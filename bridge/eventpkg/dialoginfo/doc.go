// Package dialoginfo writes and reads application/dialog-info+xml documents, the
// NOTIFY bodies of the dialog event package (RFC 4235 §4). Phones draw busy lamps
// from them. It is pure: no policy, no dialects, no I/O.
//
// Display names are written as the attribute display, as the text (RFC 4235
// §4.1.6.1) and all its examples have it and as every phone reads it; the schema of
// §4.4 calls it display-name. The reader takes both.
package dialoginfo

// Namespace is the XML namespace of dialog-info documents (RFC 4235 §4).
const Namespace = "urn:ietf:params:xml:ns:dialog-info"

// MIME is the media type of dialog-info documents (RFC 4235 §7.1).
const MIME = "application/dialog-info+xml"
