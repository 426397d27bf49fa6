package main

// This file implements zmlx cache, and the cache's part of zmlx doctor.

import (
	"cmp"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/zmlx-go/zmlx/internal/diskcache"
)

type cacheCommand struct {
	Ls    cacheLsCommand    `cmd:"" help:"List what is kept, used last first."`
	Clear cacheClearCommand `cmd:"" help:"Remove everything that is kept."`
	Dir   cacheDirCommand   `cmd:"" help:"Print the folder."`
}

type cacheLsCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

type cacheClearCommand struct{}

type cacheDirCommand struct{}

// openCache returns the user's cache; an error if there is none.
func openCache() (*diskcache.Cache, error) {
	c := diskcache.Default()
	if c.Dir() == "" {
		return nil, fmt.Errorf("no cache: %w", c.Reason())
	}
	return c, nil
}

// A cacheEntry is what ls --json prints of an entry.
type cacheEntry struct {
	Name string    `json:"name"`
	Key  string    `json:"key"`
	Size int64     `json:"bytes"`
	Used time.Time `json:"used"`
	Path string    `json:"path"`
}

func (c *cacheLsCommand) Run(env environment) error {
	cache, err := openCache()
	if err != nil {
		return err
	}
	unusable := cache.Probe()
	if unusable != nil {
		unusable = fmt.Errorf("nothing can be kept in the cache folder %s: %w", cache.Dir(), unusable)
	}
	entries, err := cache.List()
	if err != nil || len(entries) == 0 && unusable != nil {
		return cmp.Or(unusable, err)
	}
	if unusable != nil {
		fmt.Fprintln(env.stderr, "zmlx:", unusable)
	}
	if c.JSON {
		all := []cacheEntry{}
		for _, e := range entries {
			all = append(all, cacheEntry{e.Name, e.Key.String(), e.Size, e.Used, e.Path})
		}
		return env.printJSON(all)
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Key.String()[:12], byteCount(e.Size), e.Used.Format("2006-01-02 15:04"), e.Name)
	}
	fmt.Fprintln(w, cacheSummary(entries))
	return w.Flush()
}

func (c *cacheClearCommand) Run(env environment) error {
	cache, err := openCache()
	if err != nil {
		return err
	}
	entries, err := cache.List()
	if err != nil {
		return err
	}
	if err := cache.Clear(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "removed %s\n", cacheSummary(entries))
	return err
}

func (c *cacheDirCommand) Run(env environment) error {
	cache, err := openCache()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.stdout, cache.Dir())
	return err
}

func cacheSummary(entries []diskcache.Entry) string {
	var size int64
	for _, e := range entries {
		size += e.Size
	}
	noun := "entries"
	if len(entries) == 1 {
		noun = "entry"
	}
	return fmt.Sprintf("%d %s, %s", len(entries), noun, byteCount(size))
}

// byteCount writes a size for people.
func byteCount(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// diagnoseCache looks at the folder of compiled kernels.
func diagnoseCache() diagnosis {
	d := diagnosis{Subject: "cache folder", Purpose: "keeps compiled kernels between runs"}
	where := "ZMLX_CACHE"
	if os.Getenv(where) == "" {
		d.look(where, false, "not set")
		where = "user's cache folder"
	}
	c := diskcache.Default()
	if err := c.Probe(); err != nil {
		d.look(where, false, err.Error())
		return d
	}
	entries, err := c.List()
	if err != nil {
		d.look(where, false, err.Error())
		return d
	}
	d.look(where, true, fmt.Sprintf("%s, %s", c.Dir(), cacheSummary(entries)))
	return d
}
