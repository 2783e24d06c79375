package policystore

import (
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func TestBolt(t *testing.T) {
	suite(t, home{fresh: func(t *testing.T) subject {
		path := filepath.Join(t.TempDir(), "blf.db")
		var db *bolt.DB
		open := func() Store {
			var err error
			if db, err = bolt.Open(path, 0o600, nil); err != nil {
				t.Fatal(err)
			}
			return NewBolt(db)
		}
		s := open()
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return subject{
			Store: s,
			reopen: func() Store {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				return open()
			},
			spoil: func(json string) {
				if err := db.Update(func(tx *bolt.Tx) error {
					return tx.Bucket(policyBucket).Put(documentKey, []byte(json))
				}); err != nil {
					t.Fatal(err)
				}
			},
		}
	}})
}
