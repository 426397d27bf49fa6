// This file implements .npz archives: zip files whose members are .npy files.

package npy

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Entry is one named array of an archive. The name is that by which NumPy
// knows the array, without the member's suffix ".npy".
type Entry struct {
	Name  string
	Array *Array
}

// ReadZip reads all arrays of a .npz archive of size bytes, stored or deflated,
// in the archive's order. Names that occur twice, members that are not .npy
// files, and members that share bytes (a way to make a small archive expand
// without limit) are errors.
func ReadZip(r io.ReaderAt, size int64) ([]Entry, error) {
	entries, err := readZip(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	return entries, nil
}

// ReadZipFile reads all arrays of a .npz file. See ReadZip.
func ReadZipFile(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	entries, err := readZip(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("npz: %s: %w", path, err)
	}
	return entries, nil
}

func readZip(r io.ReaderAt, size int64) ([]Entry, error) {
	if size < 0 {
		return nil, fmt.Errorf("size %d is negative", size)
	}
	archive, err := zip.NewReader(r, size)
	// Names that would be unsafe as paths are only names here.
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	if err := checkOverlap(archive.File); err != nil {
		return nil, err
	}
	entries, seen := make([]Entry, 0, len(archive.File)), map[string]bool{}
	for _, member := range archive.File {
		name, ok := strings.CutSuffix(member.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("member %q is not a .npy file", member.Name)
		}
		if seen[name] {
			return nil, fmt.Errorf("array %q is there twice", name)
		}
		seen[name] = true
		a, err := readMember(member, size)
		if err != nil {
			return nil, fmt.Errorf("array %q: %w", name, err)
		}
		entries = append(entries, Entry{Name: name, Array: a})
	}
	return entries, nil
}

// checkOverlap refuses members whose bytes overlap.
func checkOverlap(members []*zip.File) error {
	type span struct {
		name       string
		start, end int64
	}
	spans := make([]span, 0, len(members))
	for _, member := range members {
		start, err := member.DataOffset()
		if err != nil {
			return fmt.Errorf("member %q: %w", member.Name, err)
		}
		end := start + int64(member.CompressedSize64)
		if end < start {
			return fmt.Errorf("member %q: compressed size %d is too large", member.Name, member.CompressedSize64)
		}
		spans = append(spans, span{member.Name, start, end})
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	for i := 1; i < len(spans); i++ {
		if spans[i].start < spans[i-1].end {
			return fmt.Errorf("members %q and %q overlap", spans[i-1].name, spans[i].name)
		}
	}
	return nil
}

// readMember reads one array. Only for a stored member that the archive is large
// enough to hold is the stated size believed.
func readMember(member *zip.File, archiveSize int64) (*Array, error) {
	available := int64(-1)
	if n := member.UncompressedSize64; member.Method == zip.Store && n == member.CompressedSize64 && n <= uint64(archiveSize) {
		available = int64(n)
	}
	r, err := member.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readWhole(r, available) // at the end it verifies the checksum
}

// WriteZip writes a .npz archive of the entries, in their order, stored. Equal
// entries give equal bytes: members carry no time.
func WriteZip(w io.Writer, entries []Entry) error { return Options{}.WriteZip(w, entries) }

// WriteZipFile writes a .npz file. It writes beside path and renames, so that
// path never holds part of an archive.
func WriteZipFile(path string, entries []Entry) error { return Options{}.WriteZipFile(path, entries) }

// WriteZip is WriteZip with options.
func (o Options) WriteZip(w io.Writer, entries []Entry) error {
	if err := o.writeZip(w, entries); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}

// WriteZipFile is WriteZipFile with options.
func (o Options) WriteZipFile(path string, entries []Entry) error {
	return replaceFile(path, func(w io.Writer) error { return o.writeZip(w, entries) })
}

func (o Options) writeZip(w io.Writer, entries []Entry) error {
	method := zip.Store
	if o.Deflate {
		method = zip.Deflate
	}
	seen := map[string]bool{}
	for _, e := range entries {
		switch {
		case !utf8.ValidString(e.Name):
			return fmt.Errorf("name %q is not UTF-8", e.Name)
		case len(e.Name) > 1<<16-1-len(".npy"):
			return fmt.Errorf("name of %d bytes, a zip file has no room for it", len(e.Name))
		case seen[e.Name]:
			return fmt.Errorf("array %q is there twice", e.Name)
		}
		seen[e.Name] = true
		if err := o.check(e.Array); err != nil {
			return fmt.Errorf("array %q: %w", e.Name, err)
		}
	}
	archive := zip.NewWriter(w)
	for _, e := range entries {
		member, err := archive.CreateHeader(&zip.FileHeader{Name: e.Name + ".npy", Method: method})
		if err != nil {
			return fmt.Errorf("array %q: %w", e.Name, err)
		}
		if err := o.write(member, e.Array); err != nil {
			return fmt.Errorf("array %q: %w", e.Name, err)
		}
	}
	return archive.Close()
}
