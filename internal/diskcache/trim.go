package diskcache

// This file implements looking through a cache: listing, clearing and
// trimming it.

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// An Entry describes what is kept for a key.
type Entry struct {
	Key  Key
	Name string
	Size int64     // bytes
	Used time.Time // last time, to the hour
	Path string
}

// List returns the entries, those used last first. Damaged ones are left out.
func (c *Cache) List() ([]Entry, error) {
	if c.dir == "" {
		return nil, nil
	}
	files, err := os.ReadDir(filepath.Join(c.dir, "key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, f := range files {
		key, ok := parseKey(f.Name())
		if !ok {
			continue
		}
		x, err := c.readIndex(key)
		if err != nil {
			continue
		}
		info, err := os.Lstat(c.objectPath(x.sum))
		if err != nil || info.Size() != x.size {
			continue
		}
		used := info.ModTime()
		if key, err := f.Info(); err == nil {
			used = key.ModTime()
		}
		entries = append(entries, Entry{key, x.name, x.size, used, c.objectPath(x.sum)})
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(b.Used.Compare(a.Used), cmp.Compare(a.Name, b.Name), slices.Compare(a.Key[:], b.Key[:]))
	})
	return entries, nil
}

func parseKey(name string) (Key, bool) {
	var key Key
	if len(name) != 2*len(key) {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(name))
	return key, err == nil && key.String() == name
}

// Clear removes all entries and what is left of failures. Files that the cache
// did not make stay, and so do locks, which others may hold.
func (c *Cache) Clear() error {
	if c.dir == "" {
		return nil
	}
	var errs []error
	for _, folder := range []string{"key", "object"} {
		errs = append(errs, removeIn(filepath.Join(c.dir, folder), func(f fs.DirEntry) bool {
			_, ok := parseKey(f.Name())
			return ok
		}))
	}
	errs = append(errs, removeIn(filepath.Join(c.dir, "tmp"), func(f fs.DirEntry) bool {
		return olderThan(f, time.Hour) // younger ones are being written
	}))
	errs = append(errs, removeIn(filepath.Join(c.dir, "failed"), func(fs.DirEntry) bool { return true }))
	return errors.Join(errs...)
}

// removeIn removes what is in a folder and is as which says.
func removeIn(dir string, which func(fs.DirEntry) bool) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, f := range files {
		if which(f) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, f.Name())))
		}
	}
	return errors.Join(errs...)
}

func olderThan(f fs.DirEntry, age time.Duration) bool {
	info, err := f.Info()
	return err == nil && time.Since(info.ModTime()) > age
}

// trimIfDue trims once a day, and when this process has added a good deal.
func (c *Cache) trimIfDue() {
	info, err := os.Stat(filepath.Join(c.dir, "trimmed"))
	if err != nil || time.Since(info.ModTime()).Abs() > 24*time.Hour || c.written.Load() > c.limits.Bytes/8 {
		c.Trim() // what cannot be removed today may be tomorrow
	}
}

// Trim removes the entries that were not used for the age the cache allows and,
// least recently used first, those that make it larger than it may be.
func (c *Cache) Trim() error {
	if c.dir == "" {
		return nil
	}
	c.written.Store(0)
	now := time.Now()
	type object struct {
		path string
		size int64
		used time.Time
	}
	var objects []object
	var total int64
	dir := filepath.Join(c.dir, "object")
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		if _, ours := parseKey(f.Name()); err != nil || !ours {
			continue
		}
		used := info.ModTime()
		if used.Sub(now) > 24*time.Hour { // before the clock was set back
			used = time.Time{}
		}
		objects = append(objects, object{filepath.Join(dir, f.Name()), info.Size(), used})
		total += info.Size()
	}
	slices.SortFunc(objects, func(a, b object) int { return a.used.Compare(b.used) })
	var errs []error
	for _, o := range objects {
		if now.Sub(o.used) <= c.limits.Age && total <= c.limits.Bytes {
			break
		}
		errs = append(errs, os.RemoveAll(o.path))
		total -= o.size
	}
	errs = append(errs, removeIn(filepath.Join(c.dir, "key"), func(f fs.DirEntry) bool {
		key, ok := parseKey(f.Name())
		if !ok {
			return false
		}
		x, err := c.readIndex(key)
		if err == nil {
			_, err = os.Lstat(c.objectPath(x.sum))
		}
		return err != nil
	}))
	for _, folder := range []string{"tmp", "failed"} {
		age := time.Hour
		if folder == "failed" {
			age = c.limits.Age
		}
		errs = append(errs, removeIn(filepath.Join(c.dir, folder), func(f fs.DirEntry) bool { return olderThan(f, age) }))
	}
	return errors.Join(append(errs, os.WriteFile(filepath.Join(c.dir, "trimmed"), nil, 0o600))...)
}
