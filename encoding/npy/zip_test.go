// This file tests .npz archives.

package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

func someEntries() []Entry {
	return []Entry{
		{"weight", filled(dtype.Float32, 30, 40)},
		{"layers/0/bias", filled(dtype.Float16, 3)},
		{"../odd name é", filled(dtype.Bool)},
		{"", filled(dtype.Int64, 0, 2)},
		{"a.npy", filled(dtype.Complex64, 2)},
	}
}

func TestZipRoundTrip(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		o := Options{Deflate: deflate}
		for _, entries := range [][]Entry{{}, someEntries()} {
			var b, again bytes.Buffer
			if err := o.WriteZip(&b, entries); err != nil {
				t.Fatal(err)
			}
			if err := o.WriteZip(&again, entries); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
				t.Errorf("the same entries give other bytes (%v)", err)
			}
			got, err := ReadZip(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(entries, got); diff != "" {
				t.Errorf("deflate %v: changed (-written +read):\n%s", deflate, diff)
			}
			path := filepath.Join(t.TempDir(), "a.npz")
			if err := o.WriteZipFile(path, entries); err != nil {
				t.Fatal(err)
			}
			got, err = ReadZipFile(path)
			if err != nil || cmp.Diff(entries, got) != "" {
				t.Errorf("deflate %v: the file reads as %v, %v", deflate, got, err)
			}
		}
	}
}

func TestDeflateCompresses(t *testing.T) {
	zeros := []Entry{{"zeros", &Array{DType: dtype.Uint8, Shape: []int{1 << 20}, Data: make([]byte, 1<<20)}}}
	var stored, deflated bytes.Buffer
	if err := WriteZip(&stored, zeros); err != nil {
		t.Fatal(err)
	}
	if err := (Options{Deflate: true}).WriteZip(&deflated, zeros); err != nil {
		t.Fatal(err)
	}
	if stored.Len() < 1<<20 || deflated.Len() > 1<<14 {
		t.Errorf("1 MiB of zeros take %d bytes stored and %d deflated", stored.Len(), deflated.Len())
	}
}

func TestWriteZipRefuses(t *testing.T) {
	a := filled(dtype.Int8)
	for _, c := range []struct {
		entries []Entry
		want    string
	}{
		{[]Entry{{"x", a}, {"x", a}}, "\"x\" is there twice"},
		{[]Entry{{"x\xff", a}}, "not UTF-8"},
		{[]Entry{{strings.Repeat("x", 1<<16), a}}, "no room"},
		{[]Entry{{"x", a}, {"y", nil}}, "\"y\": no array"},
		{[]Entry{{"b", filled(dtype.BFloat16, 1)}}, "BFloat16AsUint16"},
	} {
		var b bytes.Buffer
		err := WriteZip(&b, c.entries)
		if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
			t.Errorf("got %v and %d bytes, want an error with %q", err, b.Len(), c.want)
		}
	}
	if err := WriteZip(failing{io.ErrClosedPipe}, someEntries()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer's error came back as %v", err)
	}
}

// A member is one of an archive made by hand.
type member struct {
	name, contents string
}

func archive(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.contents); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// patched replaces the n-th occurrence of old.
func patched(t *testing.T, b []byte, n int, old, new string) []byte {
	t.Helper()
	at := 0
	for ; n >= 0; n-- {
		i := bytes.Index(b[at:], []byte(old))
		if i < 0 {
			t.Fatalf("no %q to patch", old)
		}
		at += i + 1
	}
	b = bytes.Clone(b)
	copy(b[at-1:], new)
	return b
}

func TestZipRefused(t *testing.T) {
	one := formatHeader(filled(dtype.Uint8, 4)) + "data"
	huge := string(file(dict("'|u1'", "False", "(1152921504606846976,)"), 4))
	good := archive(t, member{"a.npy", one}, member{"b.npy", one})
	// In the directory, the second member's record ends with the offset of its
	// local header, before the name; zero is the first member's.
	overlap := bytes.Clone(good)
	record := bytes.LastIndex(overlap, []byte("PK\x01\x02"))
	copy(overlap[record+42:], "\x00\x00\x00\x00")
	// A stated size that the archive cannot hold.
	liar := bytes.Clone(archive(t, member{"a.npy", huge}))
	record = bytes.LastIndex(liar, []byte("PK\x01\x02"))
	copy(liar[record+20:], "\xff\xff\xff\x7f\xff\xff\xff\x7f")
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "not a valid zip", nil},
		{"not a zip", "not a valid zip", []byte(one)},
		{"cut", "not a valid zip", good[:len(good)-30]},
		{"other member", "\"notes.txt\" is not a .npy", archive(t, member{"a.npy", one}, member{"notes.txt", "hello"})},
		{"directory", "\"d/\" is not a .npy", archive(t, member{"d/", ""})},
		{"twice", "\"a\" is there twice", archive(t, member{"a.npy", one}, member{"a.npy", one})},
		{"no array", "\"a\": empty", archive(t, member{"a.npy", ""})},
		{"array cut", "\"a\": uint8 array of shape [4] needs 4 bytes, only 3", archive(t, member{"a.npy", one[:len(one)-1]})},
		{"more bytes", "more bytes follow", archive(t, member{"a.npy", one + "x"})},
		{"huge", "only 4 are there", archive(t, member{"a.npy", huge})},
		{"liar", "", liar},
		{"checksum", "checksum", patched(t, good, 1, "data", "dada")},
		{"overlap", "overlap", overlap},
	} {
		got, err := ReadZip(bytes.NewReader(c.file), int64(len(c.file)))
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", c.name, got, err, c.want)
		}
	}
	if _, err := ReadZip(bytes.NewReader(good), -1); err == nil {
		t.Error("a negative size was accepted")
	}
	if _, err := ReadZipFile(filepath.Join(t.TempDir(), "absent.npz")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: got %v", err)
	}
}

// Neither an array's header nor the archive's directory decides how much memory
// is taken.
func TestZipMemoryFollowsData(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	contents := file(dict("'|u1'", "False", "(1073741824,)"), 4)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: "a.npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(contents); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		liar := b.Bytes()
		record := bytes.LastIndex(liar, []byte("PK\x01\x02"))
		binary.LittleEndian.PutUint32(liar[record+24:], uint32(len(contents)-4)+1<<30)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		entries, err := ReadZip(bytes.NewReader(liar), int64(len(liar)))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("method %d: got %v, want an error", method, entries)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("method %d: %d bytes were allocated for an archive of %d", method, used, len(liar))
		}
		b.Reset()
		w = zip.NewWriter(&b)
	}
}

func FuzzReadZip(f *testing.F) {
	for _, deflate := range []bool{false, true} {
		var b bytes.Buffer
		if err := (Options{Deflate: deflate}).WriteZip(&b, someEntries()); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := ReadZip(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		total := 0
		for _, e := range entries {
			total += len(e.Array.Data)
		}
		if total > 1100*len(b) { // deflate expands at most 1032 times
			t.Fatalf("%d bytes of data out of %d", total, len(b))
		}
	})
}
