package policystore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"blfbridge/policy"
)

// Sessions implements LoginStore.
func (b *Bolt) Sessions(ctx context.Context) (list []Session, revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, fmt.Errorf("policystore: logins: %w", err)
	}
	err = b.db.View(func(tx *bolt.Tx) (err error) {
		bucket := tx.Bucket(loginsBucket)
		if bucket == nil {
			return nil
		}
		if revision, err = revisionOf(bucket); err != nil || revision == 0 {
			return err
		}
		// The keys are in the order that is wanted.
		return bucket.Bucket(phonesBucket).ForEach(func(k, v []byte) error {
			s, err := decodeLogin(string(k), v)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: logins: %w", err)
	}
	return list, revision, nil
}

// LogIn implements LoginStore.
func (b *Bolt) LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, n Note) (moved Moved, revision uint64, err error) {
	now := time.Now()
	text, err := encodeLogin(in, n.Who, now)
	if err != nil {
		return Moved{}, 0, err
	}
	revision, err = b.changeLogins(ctx, func(phones *bolt.Bucket) (storedLoginEntry, error) {
		moved = Moved{}
		key := []byte(loginField(phone.Tenant, phone.Phone))
		var elsewhere [][]byte
		c := phones.Cursor()
		of := []byte(loginField(phone.Tenant, ""))
		for k, v := c.Seek(of); bytes.HasPrefix(k, of); k, v = c.Next() {
			s, err := decodeLogin(string(k), v)
			switch {
			case err != nil:
				return storedLoginEntry{}, err
			case bytes.Equal(k, key):
				if s.UserID != in.UserID {
					moved.Replaced = s.UserID
				}
			case s.UserID == in.UserID:
				moved.Left = s.Phone.Phone
				elsewhere = append(elsewhere, bytes.Clone(k))
			}
		}
		for _, k := range elsewhere {
			if err := phones.Delete(k); err != nil {
				return storedLoginEntry{}, err
			}
		}
		return storedLoginEntry{Who: n.Who, PhoneRef: phone, Login: in, Moved: moved}, phones.Put(key, text)
	})
	if err != nil {
		return Moved{}, 0, fmt.Errorf("policystore: login: %w", err)
	}
	return moved, revision, nil
}

// LogOut implements LoginStore.
func (b *Bolt) LogOut(ctx context.Context, phone policy.PhoneRef, n Note) (who policy.Login, revision uint64, err error) {
	revision, err = b.changeLogins(ctx, func(phones *bolt.Bucket) (storedLoginEntry, error) {
		key := []byte(loginField(phone.Tenant, phone.Phone))
		v := phones.Get(key)
		if v == nil {
			return storedLoginEntry{}, nobody(phone)
		}
		s, err := decodeLogin(string(key), v)
		if err != nil {
			return storedLoginEntry{}, err
		}
		who = s.Login
		return storedLoginEntry{Who: n.Who, Out: true, PhoneRef: phone, Login: who}, phones.Delete(key)
	})
	if err != nil {
		return policy.Login{}, 0, fmt.Errorf("policystore: logout: %w", err)
	}
	return who, revision, nil
}

// changeLogins lets fn change the logins and writes down what it says it did.
func (b *Bolt) changeLogins(ctx context.Context, fn func(phones *bolt.Bucket) (storedLoginEntry, error)) (revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = b.db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(loginsBucket)
		if err != nil {
			return err
		}
		phones, err := bucket.CreateBucketIfNotExists(phonesBucket)
		if err != nil {
			return err
		}
		if revision, err = revisionOf(bucket); err != nil {
			return err
		}
		done, err := fn(phones)
		if err != nil {
			return err
		}
		entry, err := encodeLoginEntry(done, time.Now())
		if err != nil {
			return err
		}
		revision++
		key := binary.BigEndian.AppendUint64(nil, revision)
		if err := bucket.Put(revisionKey, key); err != nil {
			return err
		}
		return appendAudit(bucket, key, entry)
	})
	if err == nil {
		b.logins.wake()
	}
	return revision, err
}

// LoginAudit implements LoginStore.
func (b *Bolt) LoginAudit(ctx context.Context, limit int) (out []LoginEntry, err error) {
	err = b.trail(ctx, loginsBucket, bounded(limit), func(revision uint64, text []byte) error {
		e, err := decodeLoginEntry(revision, text)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policystore: audit of logins: %w", err)
	}
	return out, nil
}

// WatchLogins implements LoginStore.
func (b *Bolt) WatchLogins(ctx context.Context, fn func(revision uint64)) error {
	return b.watch(ctx, loginsBucket, &b.logins, fn)
}
