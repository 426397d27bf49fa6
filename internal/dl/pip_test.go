package dl

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSitePackages(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for _, env := range []string{"named", "active"} {
		site := filepath.Join(dir, env, "lib", "python3.13", "site-packages")
		if err := os.MkdirAll(site, 0o700); err != nil {
			t.Fatal(err)
		}
		want = append(want, site)
	}
	python := filepath.Join(dir, "named", "bin", "python")
	if err := os.Mkdir(filepath.Dir(python), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(python, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ZMLX_PYTHON", python)
	t.Setenv("VIRTUAL_ENV", filepath.Join(dir, "active"))
	if got := SitePackages(); len(got) < 2 || !slices.Equal(got[:2], want) {
		t.Errorf("found %q, want %q first", got, want)
	}
}
