package policystore

import (
	"context"
	"errors"

	"blfbridge/policy"
)

// editTries bounds how often an Edit of AnyRevision begins again because others were
// quicker; each time somebody has got on.
const editTries = 1000

// MaxDetailed is how many changes of an edit are told with their details.
const MaxDetailed = 1000

// Edit is a change of the stored policy by whoever sees it as it is.
type Edit struct {
	// Who is noted in the audit trail, with what policy.Diff tells of the change.
	Who string
	// IfRevision is the revision that the writer had seen; AnyRevision: the change holds
	// for whatever is stored.
	IfRevision uint64
	// DryRun makes the new document and stores nothing.
	DryRun bool
	// Change makes the new document of the stored one, which it leaves as it is. It may be
	// called several times.
	Change func(*policy.Document) (*policy.Document, error)

	// Known, if not nil, is a document that was read before and its revision: it saves
	// reading, and is only used while the store still has that revision.
	Known func() (*policy.Document, uint64)
	// Check, if not nil, has the last word on a new document.
	Check func(*policy.Document) error
}

// Edited is what became of an Edit.
type Edited struct {
	// Revision is the new one; of a dry run the present one.
	Revision uint64
	// After is the new document.
	After *policy.Document
	// Changes tell it from the one before; those after the first MaxDetailed have no details.
	Changes []policy.Change
}

// Apply edits the policy of a store, whole or not at all. Of concurrent edits none gets
// lost: each is made on the document that the one before left. The error matches
// ErrConflict if the stored revision is not IfRevision, and is Change's or Check's as it
// is.
func (e Edit) Apply(ctx context.Context, s Store) (Edited, error) {
	known := e.Known
	for try := 1; ; try++ {
		before, revision, err := e.read(ctx, s, known)
		if err != nil {
			return Edited{}, err
		}
		if e.IfRevision != AnyRevision && e.IfRevision != revision {
			return Edited{}, conflict(revision, e.IfRevision)
		}
		next, err := e.Change(before)
		if err != nil {
			return Edited{}, err
		}
		if e.Check != nil {
			if err := e.Check(next); err != nil {
				return Edited{}, err
			}
		}
		done := Edited{Revision: revision, After: next, Changes: policy.DiffFirst(before, next, MaxDetailed)}
		if e.DryRun {
			return done, nil
		}
		note := Note{Who: e.Who}
		for _, c := range done.Changes {
			if note.What = append(note.What, c.String()); len(note.What) > MaxWhat {
				note.More = len(done.Changes) - len(note.What)
				break
			}
		}
		done.Revision, err = s.ImportBy(ctx, next, revision, note)
		if !errors.Is(err, ErrConflict) || try == editTries || e.IfRevision != AnyRevision {
			return done, err
		}
		known = nil // it was an old one
	}
}

// read is the document to edit: the known one if that may be the stored one still.
func (e Edit) read(ctx context.Context, s Store, known func() (*policy.Document, uint64)) (*policy.Document, uint64, error) {
	if known != nil {
		if d, revision := known(); d != nil && (e.IfRevision == AnyRevision || e.IfRevision == revision) {
			return d, revision, nil
		}
	}
	return s.Load(ctx)
}
