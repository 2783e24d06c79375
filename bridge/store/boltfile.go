package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// boltFile is an open bbolt file that survives the panics and faults with which
// bbolt answers a damaged one.
type boltFile struct {
	path string
	db   *bolt.DB
	raw  *os.File
	// broken is set after such a panic: bbolt may still hold its locks then, so that
	// nothing may call it any more.
	broken atomic.Pointer[error]
}

// pageSize of a new file; an older one keeps its own. A page holds some forty records: to fold
// a journal changes several of most pages, and costs half of what it does with 4 kB.
const pageSize = 16 << 10

// openBoltFile opens or creates path and waits at most timeout for its lock.
func openBoltFile(path string, timeout time.Duration) (*boltFile, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, explainFile("create the folder of", path, err)
	}
	f := &boltFile{path: path}
	err := f.guard(func() (err error) {
		f.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:      timeout,
			FreelistType: bolt.FreelistMapType,
			PageSize:     pageSize,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				f.raw, err = os.OpenFile(name, flag, mode)
				return f.raw, err
			},
		})
		return err
	})
	if err != nil {
		if f.raw != nil {
			_ = f.unlock() // a panic leaves it open and locked; otherwise it is closed already
		}
		if errors.Is(err, ErrCorrupt) {
			return nil, err
		}
		return nil, explainFile("open", path, err)
	}
	// The name of a new file must survive a power cut as its contents do.
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(explainFile("sync the folder of", path, err), f.close())
	}
	return f, nil
}

// guard runs fn and turns bbolt's panics, and faults in its mapping, into ErrCorrupt.
func (f *boltFile) guard(fn func() error) (err error) {
	if e := f.broken.Load(); e != nil {
		return *e
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s is damaged (%v): restore it from a backup, or move it away to start empty", ErrCorrupt, f.path, r)
			f.broken.Store(&err)
		}
	}()
	return fn()
}

func (f *boltFile) close() error {
	if f.broken.Load() != nil {
		return f.unlock()
	}
	return f.guard(f.db.Close)
}

// unlock lets go of a file whose bbolt must not be called any more. Its mapping
// stays, and with it the lock unless it is taken off by itself.
func (f *boltFile) unlock() error {
	return errors.Join(syscall.Flock(int(f.raw.Fd()), syscall.LOCK_UN), f.raw.Close())
}

// explainFile says what is wrong with a file and what would mend it.
func explainFile(doing, path string, err error) error {
	fix := ""
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: %s is in use by %s: stop that first, or set another store.path", ErrAway, path, lockHolder(path))
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum),
		errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrInvalidMapping),
		strings.Contains(err.Error(), "file size too small"): // bbolt has no name for it
		return fmt.Errorf("%w: %s is not a store, or damaged (%w): restore it from a backup, or move it away to start empty", ErrCorrupt, path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		fix = ": set store.path to a file in a folder that exists or can be made"
	case isErrno(err, syscall.ENOSPC), isErrno(err, syscall.EDQUOT), isErrno(err, syscall.EFBIG):
		fix = ": make room on the disk"
	case errors.Is(err, syscall.EROFS):
		fix = ": the file system is read-only, set another store.path"
	case errors.Is(err, fs.ErrPermission):
		fix = fmt.Sprintf(": user %d must own the file and be able to write its folder", os.Getuid())
	}
	return fmt.Errorf("store: cannot %s %s: %w%s", doing, path, err, fix)
}

// isErrno also looks at the text: bbolt does not wrap the error of growing the file.
func isErrno(err error, no syscall.Errno) bool {
	return errors.Is(err, no) || strings.HasSuffix(err.Error(), no.Error())
}

// lockHolder names the process that has the file locked, as far as Linux tells.
func lockHolder(path string) string {
	const unknown = "another process (probably another blfbridge)"
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return unknown
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return unknown
	}
	defer locks.Close()
	inode := fmt.Sprintf(":%d", st.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// 3: FLOCK  ADVISORY  WRITE 4711 fd:00:1234 0 EOF
		f := strings.Fields(lines.Text())
		if len(f) >= 6 && f[1] == "FLOCK" && strings.HasSuffix(f[5], inode) {
			name, _ := os.ReadFile("/proc/" + f[4] + "/comm")
			return strings.TrimSpace("process " + f[4] + " " + strings.TrimSpace(string(name)))
		}
	}
	return unknown
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
