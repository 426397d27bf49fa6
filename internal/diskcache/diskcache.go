// Package diskcache keeps files between runs of a program, such as compiled
// kernels: a cache that any number of processes share, that survives being
// killed at any moment, and that is only ever a way to be quicker. What is
// damaged is found out by its hash and made again; where nothing can be kept,
// everything still works.
//
// Under the cache's folder lie
//
//	object/SUM   a file's content, named by its SHA-256
//	key/KEY      a few lines that say which object a key stands for
//	lock/XYZ     empty; held while a key that starts so is being made
//	tmp/         what is being written
//	failed/      sources that did not compile, for people to look at
//	trimmed      empty; its time is that of the last trimming
//
// Files get their names by a rename when they are complete, objects before the
// keys that name them, so at every moment each is either whole or absent.
//
// This file implements opening a cache, and finding and making entries.
package diskcache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// A Key names an entry: the hash of everything that decides its content.
type Key [sha256.Size]byte

// NewKey returns the key for a list of texts. Different lists have different
// keys: ("ab", "c") is not ("a", "bc").
func NewKey(parts ...string) Key {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		io.WriteString(h, p)
	}
	return Key(h.Sum(nil))
}

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// A Cache is a folder of entries. Its methods may be called by many goroutines
// at once. The zero Cache keeps nothing.
type Cache struct {
	dir     string
	off     bool // dir cannot or must not be used
	limits  Limits
	written atomic.Int64 // bytes since the last trimming, by this process

	mu     sync.Mutex
	reason error // why nothing is kept
}

// Limits say how much a cache may keep.
type Limits struct {
	Age   time.Duration // entries that were not used for longest are removed; 0: 30 days
	Bytes int64         // of all entries together; 0: 1 GiB
}

// ErrOff is why nothing is kept when ZMLX_CACHE=off.
var ErrOff = errors.New("switched off by ZMLX_CACHE=off")

// Default returns the cache of this user: in the folder that the environment
// variable ZMLX_CACHE names, else in zmlx under [os.UserCacheDir]. ZMLX_CACHE=off
// means a cache that keeps nothing.
func Default() *Cache {
	dir, err := defaultDir()
	if err != nil {
		return &Cache{off: true, reason: err}
	}
	return Open(dir, Limits{})
}

func defaultDir() (string, error) {
	switch dir := os.Getenv("ZMLX_CACHE"); dir {
	case "off":
		return "", ErrOff
	case "":
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder for a cache; set ZMLX_CACHE to one: %w", err)
		}
		return filepath.Join(base, "zmlx"), nil
	default:
		return filepath.Abs(dir)
	}
}

// Open returns the cache in a folder, which is made if it is not there. If that
// fails, the cache keeps nothing and [Cache.Reason] says why.
func Open(dir string, limits Limits) *Cache {
	if limits.Age <= 0 {
		limits.Age = 30 * 24 * time.Hour
	}
	if limits.Bytes <= 0 {
		limits.Bytes = 1 << 30
	}
	c := &Cache{dir: dir, limits: limits}
	c.reason = c.prepare()
	c.off = c.reason != nil
	return c
}

var folders = []string{"object", "key", "lock", "tmp"}

// prepare makes the folders.
func (c *Cache) prepare() error {
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(c.dir, f), 0o700); err != nil {
			return err
		}
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	// Entries may be code that is loaded into the process.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody can write to %s: make it private with chmod o-w, or set ZMLX_CACHE to another folder", c.dir)
	}
	return nil
}

// Dir returns the folder, "" if there is none.
func (c *Cache) Dir() string { return c.dir }

// Reason says why nothing is kept, nil if entries are. It may change while the
// cache is used, as when a disk is full.
func (c *Cache) Reason() error {
	if c.dir == "" && c.reason == nil {
		return ErrOff
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *Cache) setReason(err error) {
	c.mu.Lock()
	c.reason = err
	c.mu.Unlock()
}

// A File is an entry's content on disk.
type File struct {
	Path      string
	Temporary bool // nothing is kept; Release removes the file
}

// Release says that Path is not needed any more.
func (f File) Release() {
	if f.Temporary {
		os.RemoveAll(filepath.Dir(f.Path))
	}
}

// Get returns the path of a key's content, which is as it was put: a damaged
// entry counts as none.
func (c *Cache) Get(key Key) (path string, ok bool) {
	if c.off || c.dir == "" {
		return "", false
	}
	path, err := c.find(key)
	return path, err == nil
}

// Make returns the file of a key. If there is none, write makes it at the path
// it is given, in a new folder where it may also leave other files, which are
// removed. Of several processes and goroutines that want the same key one
// writes and the others wait. Where the cache turns out to be full, write is
// called again for a temporary file. name is for people. The error is write's
// or ctx's, or says that not even a temporary file could be made.
func (c *Cache) Make(ctx context.Context, key Key, name string, write func(path string) error) (File, error) {
	if path, ok := c.Get(key); ok {
		return File{Path: path}, nil
	}
	if c.off || c.dir == "" {
		return c.temporary(write)
	}
	unlock, err := c.lock(ctx, key)
	if ctx.Err() != nil {
		return File{}, ctx.Err()
	}
	if err != nil {
		c.setReason(err)
		return c.temporary(write)
	}
	defer unlock()
	path, err := c.find(key)
	if err == nil {
		return File{Path: path}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		c.Remove(key)
	}
	return c.put(key, name, write)
}

// Put makes the file of a key anew, also if there is one.
func (c *Cache) Put(ctx context.Context, key Key, name string, write func(path string) error) (File, error) {
	if c.off || c.dir == "" {
		return c.temporary(write)
	}
	unlock, err := c.lock(ctx, key)
	if ctx.Err() != nil {
		return File{}, ctx.Err()
	}
	if err != nil {
		c.setReason(err)
		return c.temporary(write)
	}
	defer unlock()
	return c.put(key, name, write)
}

// put makes a key's file with its lock held.
func (c *Cache) put(key Key, name string, write func(path string) error) (File, error) {
	work, err := os.MkdirTemp(filepath.Join(c.dir, "tmp"), "make-*")
	if err != nil {
		c.setReason(err)
		return c.temporary(write)
	}
	defer os.RemoveAll(work)
	out := filepath.Join(work, "out")
	if err := write(out); err != nil {
		if full := c.probe(); full != nil { // not write's fault, perhaps
			c.setReason(full)
			return c.temporary(write)
		}
		return File{}, err
	}
	path, err := c.store(key, name, out)
	if err != nil {
		c.setReason(err)
		return keepTemporary(out)
	}
	c.setReason(nil)
	c.trimIfDue()
	return File{Path: path}, nil
}

// probe reports whether a file of some size can be written at present.
func (c *Cache) probe() error {
	f, err := os.CreateTemp(filepath.Join(c.dir, "tmp"), "probe-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 256<<10))
	return errors.Join(err, f.Sync(), f.Close())
}

// Probe says why entries cannot be kept at present, nil if they can. It writes
// to the folder to find out.
func (c *Cache) Probe() error {
	if c.dir == "" {
		return c.Reason()
	}
	if err := c.prepare(); err != nil {
		return err
	}
	return c.probe()
}

// temporaryFolder makes a folder where temporary files are.
func temporaryFolder() (string, error) {
	dir, err := os.MkdirTemp("", "zmlx-*")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder in %s, where temporary files go (set TMPDIR to another place): %w", os.TempDir(), err)
	}
	return dir, nil
}

// temporary calls write for a file that is not kept.
func (c *Cache) temporary(write func(path string) error) (File, error) {
	work, err := temporaryFolder()
	if err != nil {
		return File{}, err
	}
	out := filepath.Join(work, "out")
	if err := write(out); err != nil {
		os.RemoveAll(work)
		return File{}, err
	}
	return File{Path: out, Temporary: true}, nil
}

// keepTemporary copies a file that could not be stored to where temporary
// files are.
func keepTemporary(from string) (File, error) {
	work, err := temporaryFolder()
	if err != nil {
		return File{}, err
	}
	out := filepath.Join(work, "out")
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(out, data, 0o700)
	}
	if err != nil {
		os.RemoveAll(work)
		return File{}, err
	}
	return File{Path: out, Temporary: true}, nil
}

// lock waits until this process and goroutine alone may make key. The lock of
// a process that dies is free.
func (c *Cache) lock(ctx context.Context, key Key) (unlock func(), err error) {
	mutex := lockedfile.MutexAt(filepath.Join(c.dir, "lock", key.String()[:3]))
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result, 1)
	go func() {
		unlock, err := mutex.Lock()
		got <- result{unlock, err}
	}()
	select {
	case r := <-got:
		return r.unlock, r.err
	case <-ctx.Done():
		go func() {
			if r := <-got; r.err == nil {
				r.unlock()
			}
		}()
		return nil, ctx.Err()
	}
}
