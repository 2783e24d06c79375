package policystore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"blfbridge/policy"
)

// The bucket and its keys:
//
//	policy  "document" → JSON, in gzip if it is large; "revision" → 8 bytes, big endian
//	        "audit" → a bucket: revision, 8 bytes, big endian → JSON of the entry
//	logins  "revision" → 8 bytes, big endian
//	        "phones" → a bucket: tenant, a zero byte, phone → JSON of the login
//	        "audit" → a bucket as above
var (
	policyBucket = []byte("policy")
	documentKey  = []byte("document")
	revisionKey  = []byte("revision")
	auditBucket  = []byte("audit")
	loginsBucket = []byte("logins")
	phonesBucket = []byte("phones")
)

// Bolt is the embedded home: a bucket of its own in a file that others may use too.
type Bolt struct {
	db *bolt.DB

	document, logins wakers
}

// NewBolt uses an open file, which stays the caller's to close, after the last Watch has
// returned. Watch sees what is imported through this value only: have one per file.
func NewBolt(db *bolt.DB) *Bolt {
	return &Bolt{db: db, document: wakers{woken: map[chan struct{}]bool{}}, logins: wakers{woken: map[chan struct{}]bool{}}}
}

// Load implements Store.
func (b *Bolt) Load(ctx context.Context) (*policy.Document, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, fmt.Errorf("policystore: load: %w", err)
	}
	var revision uint64
	d := &policy.Document{}
	err := b.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(policyBucket)
		if bucket == nil {
			return nil
		}
		var err error
		if revision, err = revisionOf(bucket); err != nil || revision == 0 {
			return err
		}
		d, err = decode(bucket.Get(documentKey))
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: load: %w", err)
	}
	return d, revision, nil
}

func revisionOf(bucket *bolt.Bucket) (uint64, error) {
	v := bucket.Get(revisionKey)
	switch len(v) {
	case 0:
		return 0, nil
	case 8:
		return binary.BigEndian.Uint64(v), nil
	}
	return 0, fmt.Errorf("%w: revision of %d bytes", ErrCorrupt, len(v))
}

// Import implements Store.
func (b *Bolt) Import(ctx context.Context, d *policy.Document, ifRevision uint64) (uint64, error) {
	return b.ImportBy(ctx, d, ifRevision, Note{})
}

// ImportBy implements Store.
func (b *Bolt) ImportBy(ctx context.Context, d *policy.Document, ifRevision uint64, n Note) (uint64, error) {
	text, err := encode(d)
	if err != nil {
		return 0, err
	}
	entry, err := encodeEntry(n, time.Now())
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("policystore: import: %w", err)
	}
	var revision uint64
	err = b.db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(policyBucket)
		if err != nil {
			return err
		}
		if revision, err = revisionOf(bucket); err != nil {
			return err
		}
		if ifRevision != AnyRevision && revision != ifRevision {
			return conflict(revision, ifRevision)
		}
		revision++
		if err := bucket.Put(documentKey, text); err != nil {
			return err
		}
		key := binary.BigEndian.AppendUint64(nil, revision)
		if err := bucket.Put(revisionKey, key); err != nil {
			return err
		}
		return appendAudit(bucket, key, entry)
	})
	if err != nil {
		return 0, fmt.Errorf("policystore: import: %w", err)
	}
	b.document.wake()
	return revision, nil
}

// appendAudit adds an entry and drops those beyond the bound.
func appendAudit(bucket *bolt.Bucket, key, entry []byte) error {
	audit, err := bucket.CreateBucketIfNotExists(auditBucket)
	if err != nil {
		return err
	}
	if err := audit.Put(key, entry); err != nil {
		return err
	}
	oldest := binary.BigEndian.Uint64(key)
	if oldest <= MaxEntries {
		return nil
	}
	limit := binary.BigEndian.AppendUint64(nil, oldest-MaxEntries)
	c := audit.Cursor()
	for k, _ := c.First(); k != nil && bytes.Compare(k, limit) <= 0; k, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// Audit implements Store.
func (b *Bolt) Audit(ctx context.Context, limit int) (out []Entry, err error) {
	err = b.trail(ctx, policyBucket, bounded(limit), func(revision uint64, text []byte) error {
		e, err := decodeEntry(revision, text)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policystore: audit: %w", err)
	}
	return out, nil
}

// trail calls fn for the newest entries of the audit trail in a bucket, the newest first.
func (b *Bolt) trail(ctx context.Context, of []byte, limit int, fn func(revision uint64, text []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(of)
		if bucket == nil {
			return nil
		}
		audit := bucket.Bucket(auditBucket)
		if audit == nil {
			return nil
		}
		c := audit.Cursor()
		for k, v := c.Last(); k != nil && limit > 0; k, v = c.Prev() {
			if len(k) != 8 {
				return fmt.Errorf("%w: audit entry with a key of %d bytes", ErrCorrupt, len(k))
			}
			if err := fn(binary.BigEndian.Uint64(k), v); err != nil {
				return err
			}
			limit--
		}
		return nil
	})
}

// Watch implements Store.
func (b *Bolt) Watch(ctx context.Context, fn func(revision uint64)) error {
	return b.watch(ctx, policyBucket, &b.document, fn)
}

// watch tells the revision in a bucket at once, and whenever it is another one.
func (b *Bolt) watch(ctx context.Context, of []byte, w *wakers, fn func(revision uint64)) error {
	wake, done := w.add()
	defer done()
	var told told
	for {
		var revision uint64
		err := b.db.View(func(tx *bolt.Tx) (err error) {
			if bucket := tx.Bucket(of); bucket != nil {
				revision, err = revisionOf(bucket)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("policystore: watch: %w", err)
		}
		told.tell(revision, fn)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// wakers are those who wait for a change.
type wakers struct {
	mu    sync.Mutex // guards woken
	woken map[chan struct{}]bool
}

func (w *wakers) add() (wake <-chan struct{}, done func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.woken, c)
	}
}

func (w *wakers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.woken {
		select {
		case c <- struct{}{}:
		default: // it has not looked yet since the last time, and will see this one too
		}
	}
}

// told remembers which revision a watcher was told last.
type told struct {
	revision uint64
	any      bool
}

func (t *told) tell(revision uint64, fn func(uint64)) {
	if t.any && t.revision == revision {
		return
	}
	*t = told{revision, true}
	fn(revision)
}
