package diskcache

// This file implements entries on disk: storing, verifying and removing them.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// An index is what the file of a key says.
type index struct {
	key  Key
	sum  string // of the object, which is its name
	size int64
	name string
}

const indexFormat = "zmlx-cache 1\nkey %s\nsum %s\nsize %d\nname %q\nend\n"

func (x index) text() string { return fmt.Sprintf(indexFormat, x.key, x.sum, x.size, x.name) }

// errDamaged is what makes an entry be removed.
var errDamaged = errors.New("damaged cache entry")

// parseIndex reads the file of key. Anything that text could not have written
// is damaged.
func parseIndex(key Key, text string) (index, error) {
	x := index{key: key}
	var hexKey string
	if _, err := fmt.Sscanf(text, indexFormat, &hexKey, &x.sum, &x.size, &x.name); err != nil {
		return x, errDamaged
	}
	if hexKey != key.String() || len(x.sum) != 2*sha256.Size || strings.Trim(x.sum, "0123456789abcdef") != "" || x.text() != text {
		return x, errDamaged
	}
	return x, nil
}

func (c *Cache) keyPath(key Key) string       { return filepath.Join(c.dir, "key", key.String()) }
func (c *Cache) objectPath(sum string) string { return filepath.Join(c.dir, "object", sum) }

// maxIndex bounds how much of a key's file is read.
const maxIndex = 64 << 10

// readIndex reads the file of key.
func (c *Cache) readIndex(key Key) (index, error) {
	info, err := os.Lstat(c.keyPath(key))
	if err != nil {
		return index{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxIndex {
		return index{}, errDamaged
	}
	text, err := os.ReadFile(c.keyPath(key))
	if err != nil {
		return index{}, err
	}
	return parseIndex(key, string(text))
}

// find returns the object of a key after comparing its content with its name.
func (c *Cache) find(key Key) (string, error) {
	x, err := c.readIndex(key)
	if err != nil {
		return "", err
	}
	path := c.objectPath(x.sum)
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() != x.size {
		return "", errDamaged
	}
	sum, _, err := sumOf(path)
	if err != nil {
		return "", err
	}
	if sum != x.sum {
		return "", errDamaged
	}
	c.used(path, info.ModTime())
	c.used(c.keyPath(key), info.ModTime())
	return path, nil
}

// used notes that a file is in use, by its time, at most once an hour. The clock
// may have been set back.
func (c *Cache) used(path string, before time.Time) {
	if now := time.Now(); now.Sub(before).Abs() > time.Hour {
		os.Chtimes(path, now, now) // if it fails the entry is only trimmed sooner
	}
}

// sumOf returns the hash and size of a file.
func sumOf(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// store moves a file into the cache, under its hash, and makes key name it.
func (c *Cache) store(key Key, name, from string) (string, error) {
	if err := syncFile(from); err != nil {
		return "", err
	}
	sum, size, err := sumOf(from)
	if err != nil {
		return "", err
	}
	if len(name) > 1024 {
		name = name[:1024]
	}
	x := index{key, sum, size, strings.ToValidUTF8(name, "?")}
	path := c.objectPath(sum)
	// An object that is there may be damaged, or about to be trimmed.
	if err := c.replace(from, path); err != nil {
		return "", err
	}
	keyFile := from + ".key"
	if err := os.WriteFile(keyFile, []byte(x.text()), 0o600); err != nil {
		return "", err
	}
	if err := syncFile(keyFile); err != nil {
		return "", err
	}
	if err := c.replace(keyFile, c.keyPath(key)); err != nil {
		return "", err
	}
	c.written.Add(size)
	return path, nil
}

// replace renames a file, also to where a folder lies that is not ours.
func (c *Cache) replace(from, to string) error {
	err := os.Rename(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, statErr := os.Lstat(to); statErr == nil && info.IsDir() {
		os.RemoveAll(to)
		return os.Rename(from, to)
	}
	return err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Remove forgets a key, and its object unless that is whole, when another key
// may name it.
func (c *Cache) Remove(key Key) {
	if c.off || c.dir == "" {
		return
	}
	x, err := c.readIndex(key)
	os.RemoveAll(c.keyPath(key))
	if err != nil {
		return
	}
	if sum, _, err := sumOf(c.objectPath(x.sum)); err != nil || sum != x.sum {
		os.RemoveAll(c.objectPath(x.sum))
	}
}

// Keep writes a text for people to look at, such as a source that did not
// compile, and returns its path. It is kept for as long as entries are.
func (c *Cache) Keep(name string, text []byte) (string, error) {
	name = filepath.Base(name)
	if !c.off && c.dir != "" {
		dir := filepath.Join(c.dir, "failed")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(dir, 0o700); err == nil && os.WriteFile(path, text, 0o600) == nil {
			return path, nil
		}
	}
	f, err := os.CreateTemp("", "zmlx-*-"+name)
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return f.Name(), errors.Join(err, f.Close())
}
