package kernelfuzz

// This file implements the comparison of the devices that this machine has,
// with the interpreter's checked mode as the reference.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

var (
	fuzzFor   = flag.Duration("fuzzkernels", 0, "compare devices on random kernels for so long")
	fuzzFrom  = flag.Uint64("fuzzfrom", 0, "the first seed of -fuzzkernels; 0: by the clock")
	fuzzKeep  = flag.String("fuzzkeep", "", "the folder where -fuzzkernels keeps what it finds; empty: a temporary one")
	fuzzFinds = flag.Int("fuzzfinds", 1, "the finds after which -fuzzkernels ends")
	fuzzTime  = flag.Duration("fuzzshrink", 2*time.Minute, "how long -fuzzkernels may take to make a find smaller")
	fuzzSkip  = flag.String("fuzzwithout", "", "words, with spaces between: -fuzzkernels leaves out kernels that have one in their text")
	fuzzOnly  = flag.String("fuzzdevice", "", "the one device that -fuzzkernels compares with the reference; empty: all")
)

// A kindOfDevice is one to compare with the reference.
type kindOfDevice struct {
	name   string
	open   func() (launch.Device, error)
	in     int   // a plain test gives it one kernel in so many
	beyond error // what it says to kernels that it leaves to others
}

// devices are those that are compared with the reference. Those that are not
// there are left out, and the test says why.
var devices = []kindOfDevice{
	{"interp", func() (launch.Device, error) { return interp.New(), nil }, 1, nil},
}

type opened struct {
	launch.Device
	in     int
	beyond error
}

// openDevices opens the devices of the table.
func openDevices(t testing.TB) []opened {
	t.Helper()
	var list []opened
	for _, d := range devices {
		if *fuzzOnly != "" && *fuzzOnly != d.name {
			continue
		}
		dev, err := d.open()
		if err != nil {
			t.Logf("device %s is absent: %v", d.name, err)
			continue
		}
		t.Cleanup(func() { dev.Close() })
		list = append(list, opened{dev, d.in, d.beyond})
	}
	return list
}

// A verdict is what came of a case on a device.
type verdict uint8

const (
	same verdict = iota
	unfit
	slow // out of time: compilers are, beside other work
	different
)

// judge compares a device with the reference, which is run in checked mode.
// The error belongs to the case if it is not valid, else to the device.
func judge(dev opened, c Case, reference [][]byte) (verdict, error) {
	if !c.Fits(dev.Device) {
		return unfit, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	got, err := Run(ctx, dev.Device, c)
	if dev.beyond != nil && errors.Is(err, dev.beyond) {
		return unfit, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return slow, err
	}
	if err != nil {
		return different, err
	}
	if err := Compare(c, reference, got); err != nil {
		return different, fmt.Errorf("checked and %s: %w", dev.Name(), err)
	}
	return same, nil
}

func reference(c Case) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return Check(ctx, interp.New(), c)
}

// smaller shrinks a case that a device gets wrong.
func smaller(dev opened, c Case, limit time.Duration) Case {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, first := judgeAlone(dev, c)
	return Shrink(ctx, c, func(c Case) bool {
		v, err := judgeAlone(dev, c)
		return v == different && symptom(err) == symptom(first)
	})
}

// symptom tells apart what a case shows: a wrong result, or the first error of
// a compiler.
func symptom(err error) string {
	var d *Difference
	if errors.As(err, &d) {
		return "wrong"
	}
	_, text, ok := strings.Cut(err.Error(), "error: ")
	if !ok {
		return "failed"
	}
	text, _, _ = strings.Cut(text, "\n")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

func judgeAlone(dev opened, c Case) (verdict, error) {
	want, err := reference(c)
	if err != nil {
		return unfit, err
	}
	return judge(dev, c, want)
}

// Random kernels do the same on all devices. With -fuzzkernels, as many as
// there is time for.
func TestDevices(t *testing.T) {
	if _, set := os.LookupEnv("ZMLX_CFLAGS"); !set && *fuzzFor == 0 {
		t.Setenv("ZMLX_CFLAGS", "-O1") // a fraction of the time that compiling takes
	}
	list := openDevices(t)
	if *fuzzFor > 0 {
		search(t, list)
		return
	}
	turns := uint64(240)
	if testing.Short() {
		turns = 40
	}
	for seed := range turns {
		compareAll(t, list, Generate(5000+seed, Mode(seed%2)), int(seed))
	}
}

func compareAll(t *testing.T, list []opened, c Case, turn int) {
	t.Helper()
	want, err := reference(c)
	if err != nil {
		t.Fatalf("a kernel of our own is at fault: %v\n%s", err, c)
	}
	for _, d := range list {
		if turn%d.in != 0 {
			continue
		}
		if v, err := judge(d, c, want); v == different {
			c = smaller(d, c, time.Minute)
			_, again := judgeAlone(d, c)
			t.Fatalf("%v\nthe smallest case found:\n%v\n%s", err, again, c)
		}
	}
}

func hasWord(c Case, words string) bool {
	for _, w := range strings.Fields(words) {
		if strings.Contains(c.Body, w) || strings.Contains(c.Header, w) {
			return true
		}
	}
	return false
}

// search compares until the time is over, on as many goroutines as there are
// processors: compilers are slow.
func search(t *testing.T, list []opened) {
	keep := *fuzzKeep
	if keep == "" {
		var err error
		if keep, err = os.MkdirTemp("", "kernelfuzz"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(keep, 0o777); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var seed, kernels, finds atomic.Uint64
	seed.Store(*fuzzFrom)
	if *fuzzFrom == 0 {
		seed.Store(uint64(start.UnixNano()) >> 10)
	}
	unfits, slows := make([]atomic.Uint64, len(list)), make([]atomic.Uint64, len(list))
	var wait sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for time.Since(start) < *fuzzFor && finds.Load() < uint64(*fuzzFinds) {
				s := seed.Add(1)
				c := Generate(s, Mode(s%2))
				if hasWord(c, *fuzzSkip) {
					continue
				}
				want, err := reference(c)
				if err != nil {
					t.Errorf("a kernel of our own is at fault: %v\n%s", err, c)
					finds.Add(1)
					return
				}
				// Compiled code that crashes takes this process with it.
				current := filepath.Join(keep, fmt.Sprintf("current-%d", worker))
				if err := os.WriteFile(current, []byte(c.String()), 0o666); err != nil {
					t.Error(err)
					return
				}
				for i, d := range list {
					v, err := judge(d, c, want)
					if v == unfit {
						unfits[i].Add(1)
					}
					if v == slow {
						slows[i].Add(1)
						t.Logf("seed %d: device %s took too long", s, d.Name())
					}
					if v != different {
						continue
					}
					finds.Add(1)
					small := smaller(d, c, *fuzzTime)
					_, again := judgeAlone(d, small)
					file := filepath.Join(keep, small.FileName())
					text := fmt.Sprintf("# device %s\n%s", d.Name(), small)
					if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
						t.Error(err)
					}
					t.Errorf("%s: %.3000v\nat first: %.300v", file, again, err)
				}
				kernels.Add(1)
			}
		})
	}
	wait.Wait()
	took := time.Since(start)
	t.Logf("%d kernels in %v, %.1f a second", kernels.Load(), took.Round(time.Second), float64(kernels.Load())/took.Seconds())
	for i, d := range list {
		t.Logf("device %s: %d of them are beyond it, %d took too long", d.Name(), unfits[i].Load(), slows[i].Load())
	}
}

// What was found once stays mended.
func TestKept(t *testing.T) {
	files, err := filepath.Glob("testdata/*.case")
	if err != nil {
		t.Fatal(err)
	}
	list := openDevices(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			compareAll(t, list, c, 0)
		})
	}
}

// FuzzDevices lets the fuzzer make the choices.
func FuzzDevices(f *testing.F) {
	for seed := range uint64(8) {
		data := make([]byte, 1500)
		rng := newRand(seed, 3)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	list := openDevices(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8192 {
			return
		}
		compareAll(t, list, FromBytes(data, Exact), int(newRand(uint64(len(data)), 4).Uint32()%1000))
	})
}
