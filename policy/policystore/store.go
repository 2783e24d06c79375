// Package policystore keeps the policy document, and who is logged in on which phone: in
// the embedded bbolt file or in Redis, two siblings behind one interface that pass one
// suite of tests. A document is replaced whole, under a revision that says which one the
// writer had seen; logins change one by one.
//
// The document is stored as JSON with the keys of the YAML form, a large one compressed.
package policystore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"blfbridge/policy"
)

var (
	// ErrConflict: the stored document is of another revision than the writer had seen.
	// Load it, and decide again what to write.
	ErrConflict = errors.New("policystore: the policy was changed meanwhile")
	// ErrCorrupt: what is stored is no document that this version understands.
	ErrCorrupt = errors.New("policystore: the stored policy cannot be read")
)

// AnyRevision as Import's ifRevision overwrites whatever is stored.
const AnyRevision uint64 = math.MaxUint64

// Store is one home of the policy document. All methods are safe for concurrent use.
type Store interface {
	// Load returns the document and its revision; a new one and revision 0 if none was
	// ever imported. The document is the caller's.
	Load(ctx context.Context) (*policy.Document, uint64, error)
	// Import replaces the document whole, or not at all, if the stored revision is still
	// ifRevision (0 = none was imported yet), and returns the new revision, one higher.
	// An invalid document is refused with policy.Problems. When the error is neither
	// that nor ErrConflict, the document may have been stored all the same.
	Import(ctx context.Context, d *policy.Document, ifRevision uint64) (uint64, error)
	// ImportBy is Import with a note for the audit trail, where every import is: the two
	// are stored together or not at all.
	ImportBy(ctx context.Context, d *policy.Document, ifRevision uint64, n Note) (uint64, error)
	// Audit returns the newest entries of the audit trail, the newest first: at most
	// limit, or all that are kept if it is 0.
	Audit(ctx context.Context, limit int) ([]Entry, error)
	// Watch calls fn with the current revision at once and again whenever it is another
	// one, from the calling goroutine, until ctx ends; then it returns nil. Revisions
	// that pass quickly may be skipped, the last one is always told. fn may use the store.
	Watch(ctx context.Context, fn func(revision uint64)) error
	// LoginStore is who is logged in where, with a revision of its own.
	LoginStore
}

// ConflictError tells which revision is stored; it matches ErrConflict.
type ConflictError struct{ Stored, Wanted uint64 }

// Error says both revisions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: it is at revision %d, not %d", ErrConflict, e.Stored, e.Wanted)
}

// Unwrap makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Unwrap() error { return ErrConflict }

func conflict(stored, want uint64) error { return &ConflictError{stored, want} }
