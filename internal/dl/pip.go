package dl

// This file implements finding the libraries that pip installs.

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// SitePackages returns the folders where pip may have installed packages: of
// the Python that ZMLX_PYTHON names, of active environments, of the python3 in
// PATH, of the user and of the system.
func SitePackages() []string {
	var roots []string
	python := func(file string) {
		path, err := exec.LookPath(file)
		if err != nil {
			return
		}
		roots = append(roots, filepath.Dir(filepath.Dir(path)))
		if real, err := filepath.EvalSymlinks(path); err == nil {
			roots = append(roots, filepath.Dir(filepath.Dir(real)))
		}
	}
	if v := os.Getenv("ZMLX_PYTHON"); v != "" {
		python(v)
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if v := os.Getenv(name); v != "" {
			roots = append(roots, v)
		}
	}
	python("python3")
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".local"), filepath.Join(home, ".pyenv", "versions", "*"))
	}
	roots = append(roots, ".venv", "/usr/local", "/usr", "/opt/homebrew", "/Library/Frameworks/Python.framework/Versions/*")
	var found []string
	for _, root := range roots {
		for _, folder := range []string{
			"lib/python3*/site-packages", "lib/python3*/dist-packages",
			"lib64/python3*/site-packages", "local/lib/python3*/dist-packages",
		} {
			matches, _ := filepath.Glob(filepath.Join(root, folder))
			for _, m := range matches {
				if m, err := filepath.Abs(m); err == nil && !slices.Contains(found, m) {
					found = append(found, m)
				}
			}
		}
	}
	return found
}
